// Command sitwell is the backend of posture wearables. See README.md, or
// `sitwell --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // organisations have time zones, and a machine may know none

	"sitwell/internal/cli"
)

// version is set when the binary is built.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	// The first signal asks for a drain; stop gives the second its usual
	// meaning, which is to end at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, version, os.Args[1:], os.Stdout, os.Stderr)
}
