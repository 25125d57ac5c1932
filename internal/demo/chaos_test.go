package demo_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"sitwell/internal/demo"
)

func chaos(t *testing.T, e *events, length time.Duration) demo.ChaosOptions {
	t.Helper()
	command, env := executable(t)
	return demo.ChaosOptions{
		Command: command, Env: env, Data: t.TempDir(), For: length, Seed: 3, Console: e.console(),
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// A run that is too short to prove anything compares all the same, and does not
// pass for a proof.
func TestAShortChaosLosesNothingAndProvesNothing(t *testing.T) {
	e := listen(t)
	err := demo.Chaos(t.Context(), chaos(t, e, 9*time.Second))
	r := e.await("result")
	if r.Kills == 0 || r.Kills >= 10 {
		t.Fatalf("%d kills in 9 s", r.Kills)
	}
	if err == nil || !strings.Contains(err.Error(), "kills are too few to prove anything") || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ends with %v", err)
	}
	l := r.Ledger
	if r.OK || r.Lost != 0 || l.Acknowledged < 5000 || l.Stored != l.Acknowledged || r.Sent != l.Acknowledged || l.Episodes == 0 || l.Minutes == 0 {
		t.Errorf("it says %+v", r)
	}
}

func TestAnInterruptedChaosIsNoProof(t *testing.T) {
	e := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := chaos(t, e, time.Hour)
	ended := make(chan error, 1)
	go func() { ended <- demo.Chaos(ctx, o) }()
	e.await("back") // a part was killed and is ready again
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, demo.ErrEarly) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if kept, err := os.ReadDir(o.Data); err != nil || len(kept) == 0 {
		t.Errorf("the folder that was asked for holds %v, %v", kept, err)
	}
}
