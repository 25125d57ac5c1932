package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"sitwell/internal/influxd"
)

// org is the organisation that sitwell takes where it is told none.
const org = "sitwell"

// ours makes a new server ours and returns the file with the operator's token. It
// is written first, so that a server that is set up always has it.
func ours(s *influxd.Server) (file string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), influxd.Patience)
	defer cancel()
	file = filepath.Join(s.Dir(), "token")
	fresh, err := s.New(ctx)
	if err != nil || !fresh {
		return file, err
	}
	token := rand.Text()
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the token's file: %w", err)
	}
	// Nobody signs in with the password: it is not kept.
	return file, s.Setup(ctx, influxd.Operator{User: "operator", Password: rand.Text(), Org: org, Token: token})
}
