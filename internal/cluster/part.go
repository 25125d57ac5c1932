package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrRunning and ErrNotRunning say that a part is not in the state that was
// asked for.
var (
	ErrRunning    = errors.New("it runs already")
	ErrNotRunning = errors.New("it does not run")
)

// Part is one child process, or its place while there is none.
type Part struct {
	o          *Options
	name, http string
	args       []string
	out        *output

	mu   sync.Mutex // guards what follows
	run  *process   // the last one, nil before the first
	runs int
}

// process is one run of a part.
type process struct {
	cmd  *exec.Cmd
	tail *tail
	done chan struct{} // closed when it has ended; then code is set
	code int           // -1 where a signal ended it
}

// NewPart is a part that belongs to no cluster, started by Start with the command,
// the environment, the folder and the output of o and with args. It has no address
// where it says how it is. Stop ends it.
func NewPart(o Options, name string, args ...string) *Part {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Part{o: &o, name: name, args: args, out: &output{to: o.Output}}
}

// Name is the part's name.
func (p *Part) Name() string { return p.name }

// HTTP is where the part says how it is, http://host:port.
func (p *Part) HTTP() string { return "http://" + p.http }

// PID is that of the last process, 0 before the first.
func (p *Part) PID() int {
	if run := p.last(); run != nil {
		return run.cmd.Process.Pid
	}
	return 0
}

// Runs is how often the part was started.
func (p *Part) Runs() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

// Running reports whether its process runs.
func (p *Part) Running() bool {
	run := p.last()
	if run == nil {
		return false
	}
	select {
	case <-run.done:
		return false
	default:
		return true
	}
}

func (p *Part) last() *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// Start starts the part's process, with the addresses and the data of the one
// before. It does not wait until it is ready. The process outlives ctx.
func (p *Part) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if p.Running() {
		return fmt.Errorf("start %s: %w", p.name, ErrRunning)
	}
	argv := append(append([]string{}, p.o.Command...), p.args...)
	run := &process{cmd: exec.Command(argv[0], argv[1:]...), tail: &tail{}, done: make(chan struct{})} //nolint:gosec,noctx // the caller's own executable; it ends by Kill or Stop
	out := p.out.of(p.name)
	run.cmd.Dir, run.cmd.Env = p.o.Dir, environment(p.o.Env)
	run.cmd.Stdout, run.cmd.Stderr = out, io.MultiWriter(out, run.tail)
	run.cmd.SysProcAttr = apart()
	if err := run.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go run.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run = run
	p.runs++
	p.o.Logger.DebugContext(ctx, "part started", "part", p.name, "pid", run.cmd.Process.Pid)
	return nil
}

func (r *process) wait() {
	_ = r.cmd.Wait() // the state says the same
	r.code = r.cmd.ProcessState.ExitCode()
	close(r.done)
}

// environment is that of the children: settings of the parent's own are not for
// them.
func environment(extra []string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SITWELL_") {
			env = append(env, v)
		}
	}
	return append(env, extra...)
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Part) Kill() error {
	run := p.last()
	if run == nil || !p.Running() {
		return fmt.Errorf("kill %s: %w", p.name, ErrNotRunning)
	}
	if err := run.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-run.done
	return nil
}

// Signal sends a signal to the process.
func (p *Part) Signal(s os.Signal) error {
	run := p.last()
	if run == nil || !p.Running() {
		return fmt.Errorf("signal %s: %w", p.name, ErrNotRunning)
	}
	if err := run.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// Wait waits until the process has ended and returns its exit code, -1 where a
// signal ended it.
func (p *Part) Wait(ctx context.Context) (int, error) {
	run := p.last()
	if run == nil {
		return 0, fmt.Errorf("wait for %s: %w", p.name, ErrNotRunning)
	}
	select {
	case <-run.done:
		return run.code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for %s to end: %w", p.name, ctx.Err())
	}
}

// Ended is closed once the last process has ended, and nil before the first.
func (p *Part) Ended() <-chan struct{} {
	if run := p.last(); run != nil {
		return run.done
	}
	return nil
}

// Said is the end of what the last process wrote to its log.
func (p *Part) Said() string {
	if run := p.last(); run != nil {
		return run.tail.String()
	}
	return ""
}

// Stop asks the process to end and waits; what runs still when ctx ends is killed.
// An end other than with exit code 0 is an error.
func (p *Part) Stop(ctx context.Context) error {
	run := p.last()
	if run == nil {
		return nil
	}
	if p.Running() {
		if err := p.Signal(syscall.SIGTERM); err != nil && p.Running() {
			return errors.Join(err, p.Kill())
		}
	}
	code, err := p.Wait(ctx)
	switch {
	case err != nil:
		return errors.Join(fmt.Errorf("stop %s: it did not end in time: %s", p.name, p.Said()), p.Kill())
	case code != 0:
		return fmt.Errorf("stop %s: exit code %d: %s", p.name, code, p.Said())
	}
	return nil
}

// Ready waits until the process says that it is ready. One that has ended is an
// error at once, with the end of what it said.
func (p *Part) Ready(ctx context.Context) error {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		run := p.last()
		if run == nil {
			return fmt.Errorf("wait for %s: %w", p.name, ErrNotRunning)
		}
		err := p.Probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-run.done:
			return fmt.Errorf("%s ended with exit code %d: %s", p.name, run.code, p.Said())
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is ready: %w: %w", p.name, ctx.Err(), err)
		}
	}
}

// answerLimit bounds one question to a part.
const answerLimit = 2 * time.Second

// Probe asks once whether the part is ready. The error says what is missing.
func (p *Part) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.HTTP()+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(body)))
	}
	return nil
}
