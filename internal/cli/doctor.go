package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"sitwell/internal/doctor"
)

func (e *env) doctor() *cobra.Command {
	var cl client
	var broker, page string
	c := &cobra.Command{
		Use: "doctor", Short: "Look over a running sitwell and say what to do; exits 1 if something is wrong", Args: exactly(0),
		Long: "Looks at the log and its limits, the processes and their disks, ingest's session, the detectors, the store and the\n" +
			"clocks. With --broker it also tries out whether an MQTT broker keeps what ingest relies on, in a session and topics\n" +
			"of its own; with --api it asks the page. Each line is ok, warn or FAIL, and says what to do.",
		Example: "  sitwell doctor\n  sitwell doctor --broker tcp://127.0.0.1:1883 --api http://127.0.0.1:8080 --json",
		RunE: func(c *cobra.Command, _ []string) error {
			secret, err := cl.secret()
			if err != nil {
				return err
			}
			o := doctor.Options{NATS: withScheme("nats", cl.url), Secret: secret, Logger: slog.New(slog.DiscardHandler)}
			if broker != "" {
				o.Broker = withScheme("tcp", broker)
			}
			if page != "" {
				o.Page = withScheme("http", page)
			}
			findings := doctor.Run(c.Context(), o)
			if cl.json {
				err = e.printJSON(findings)
			} else {
				err = e.showFindings(findings)
			}
			if err != nil {
				return err
			}
			if doctor.Failed(findings) {
				return errors.New("something is wrong, see above")
			}
			return nil
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&broker, "broker", "", "MQTT broker to be tried out")
	c.Flags().StringVar(&page, "api", "", "address of the page")
	return c
}

func withScheme(scheme, address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	return scheme + "://" + address
}

// showFindings prints a line for each, and below it what to do.
func (e *env) showFindings(findings []doctor.Finding) error {
	for _, f := range findings {
		line := fmt.Sprintf("%-4s  %-16s  %s\n", f.State, f.Check, f.Says)
		if f.Do != "" {
			line += fmt.Sprintf("%-4s  %-16s  -> %s\n", "", "", f.Do)
		}
		if _, err := fmt.Fprint(e.out, line); err != nil {
			return err
		}
	}
	return nil
}
