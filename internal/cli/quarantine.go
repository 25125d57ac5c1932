package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"sitwell/ingest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// kept is a quarantined message with its number. The payload is shown as text,
// in which what is not UTF-8 is replaced.
type kept struct {
	Number uint64 `json:"number"`
	schemas.Quarantined
	Payload string `json:"payload"`
}

func keep(number uint64, q schemas.Quarantined) kept {
	return kept{Number: number, Quarantined: q, Payload: strings.ToValidUTF8(string(q.Payload), "\uFFFD")}
}

func (e *env) quarantine() *cobra.Command {
	return parent("quarantine", "Refused input: list, show, redrive, drop",
		e.quarantineList(), e.quarantineShow(), e.quarantineRedrive(), e.quarantineDrop())
}

func (e *env) quarantineList() *cobra.Command {
	var cl client
	var reason string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List what was refused, with the reason", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usage(fmt.Errorf("--limit: %d is not 1 or more", limit))
			}
			only, err := reasonOf(reason)
			if err != nil {
				return err
			}
			return cl.withLog(c.Context(), func(ctx context.Context, log *bus.Bus) error {
				all, err := quarantined(ctx, log, only)
				if err != nil {
					return err
				}
				return e.listQuarantine(&cl, all, limit)
			})
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "", "only those refused for this reason")
	c.Flags().IntVar(&limit, "limit", 100, "the newest so many")
	return c
}

// listQuarantine prints the newest of all.
func (e *env) listQuarantine(cl *client, all []kept, limit int) error {
	const widest = 70 // of a topic, so that a long one does not widen every row
	more := max(0, len(all)-limit)
	all = all[more:]
	rows := [][]string{{"NUMBER", "RECEIVED", "REASON", "READINGS", "TOPIC", "DETAIL"}}
	for _, k := range all {
		topic := printable(k.Topic)
		if len(topic) > widest {
			topic = topic[:widest] + "..."
		}
		rows = append(rows, []string{
			strconv.FormatUint(k.Number, 10), k.Received.Format(time.RFC3339), string(k.Reason),
			strconv.Itoa(k.Readings), topic, printable(k.Detail),
		})
	}
	if err := e.table(cl, all, "nothing is in quarantine", rows); err != nil || more == 0 || cl.json {
		return err
	}
	_, err := fmt.Fprintf(e.out, "%d older ones are not shown; see --limit\n", more)
	return err
}

func reasonOf(flag string) (schemas.Reason, error) {
	if flag == "" {
		return "", nil
	}
	reason, err := schemas.ParseReason(flag)
	if err != nil {
		return "", usage(fmt.Errorf("--reason: %w", err))
	}
	return reason, nil
}

func (e *env) quarantineShow() *cobra.Command {
	var cl client
	c := &cobra.Command{
		Use: "show NUMBER", Short: "Show a refused message whole", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return cl.withLog(c.Context(), func(ctx context.Context, log *bus.Bus) error {
				msg, err := log.Get(ctx, schemas.StreamQuarantine, n)
				if err != nil {
					return err
				}
				q, err := schemas.DecodeQuarantined(msg.Data)
				if err != nil {
					return err
				}
				return e.say(&cl, keep(n, q), "number    %d\nreceived  %s\nreason    %s\ndetail    %s\ntopic     %s\nreadings  %d\npayload   %d bytes\n%s",
					n, q.Received.Format(time.RFC3339Nano), q.Reason, printable(q.Detail), printable(q.Topic), q.Readings, len(q.Payload), printable(string(q.Payload)))
			})
		},
	}
	cl.register(c.Flags())
	return c
}

func (e *env) quarantineRedrive() *cobra.Command {
	var cl client
	var reason string
	c := &cobra.Command{
		Use: "redrive [NUMBER...]", Short: "Take refused messages again, once their cause is mended",
		Long: "Drives messages through ingest again as if they had just come, and removes those from quarantine. What is\n" +
			"still wrong comes back under a new number. Without numbers: all whose reason can be mended by adding or\n" +
			"assigning a device, or by a newer version; or all of one --reason.",
		RunE: func(c *cobra.Command, args []string) error {
			numbers, err := numbersOf(args)
			if err != nil {
				return err
			}
			only, err := reasonOf(reason)
			if err != nil {
				return err
			}
			return cl.withLog(c.Context(), func(ctx context.Context, log *bus.Bus) error {
				if len(numbers) == 0 {
					if numbers, err = redrivable(ctx, log, only); err != nil {
						return err
					}
				}
				return e.redrive(ctx, &cl, log, numbers)
			})
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "", "all refused for this reason")
	return c
}

func (e *env) redrive(ctx context.Context, cl *client, log *bus.Bus, numbers []uint64) error {
	taken, refused := 0, 0
	for _, n := range numbers {
		answer, err := log.Conn().RequestWithContext(ctx, ingest.RedriveSubject, strconv.AppendUint(nil, n, 10))
		if err != nil {
			return fmt.Errorf("redrive %d: %w; does ingest run?", n, err)
		}
		var result ingest.RedriveResult
		if err := json.Unmarshal(answer.Data, &result); err != nil {
			return fmt.Errorf("redrive %d: %w", n, err)
		}
		if result.Error != "" {
			return fmt.Errorf("redrive: %s", result.Error)
		}
		if result.Refused > 0 {
			refused++
		} else {
			taken++
		}
	}
	again := ""
	if refused > 0 {
		again = fmt.Sprintf(", %s refused again, whole or in part", messages(refused))
	}
	return e.say(cl, map[string]int{"taken": taken, "refused_again": refused}, "%s taken%s", messages(taken), again)
}

func (e *env) quarantineDrop() *cobra.Command {
	var cl client
	c := &cobra.Command{
		Use: "drop NUMBER...", Short: "Delete refused messages for good", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			numbers, err := numbersOf(args)
			if err != nil {
				return err
			}
			return cl.withLog(c.Context(), func(ctx context.Context, log *bus.Bus) error {
				for _, n := range numbers {
					if err := log.Delete(ctx, schemas.StreamQuarantine, n); err != nil {
						return err
					}
				}
				return e.say(&cl, map[string]int{"dropped": len(numbers)}, "%s deleted", messages(len(numbers)))
			})
		},
	}
	cl.register(c.Flags())
	return c
}

// withLog lets work use the log of the running sitwell.
func (c *client) withLog(ctx context.Context, work func(ctx context.Context, log *bus.Bus) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	log, closeLog, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeLog()
	return work(ctx, log)
}

// quarantined reads the stream up to its present end, all of it or one reason.
func quarantined(ctx context.Context, log *bus.Bus, reason schemas.Reason) ([]kept, error) {
	var filter []string
	if reason != "" {
		filter = []string{schemas.QuarantineSubject(reason)}
	}
	all := []kept{}
	err := log.Each(ctx, schemas.StreamQuarantine, filter, func(msg bus.Msg) error {
		q, err := schemas.DecodeQuarantined(msg.Data)
		if err != nil {
			return fmt.Errorf("quarantined message %d: %w", msg.Seq, err)
		}
		all = append(all, keep(msg.Seq, q))
		return nil
	})
	return all, err
}

func redrivable(ctx context.Context, log *bus.Bus, reason schemas.Reason) ([]uint64, error) {
	all, err := quarantined(ctx, log, reason)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, k := range all {
		if reason != "" || k.Reason.Redrivable() {
			numbers = append(numbers, k.Number)
		}
	}
	return numbers, nil
}

func number(arg string) (uint64, error) {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || n == 0 {
		return 0, usage(fmt.Errorf("%q is not a number of `sitwell quarantine list`", arg))
	}
	return n, nil
}

func numbersOf(args []string) ([]uint64, error) {
	numbers := make([]uint64, len(args))
	var errs []error
	for i, a := range args {
		var err error
		numbers[i], err = number(a)
		errs = append(errs, err)
	}
	return numbers, errors.Join(errs...)
}

// messages counts messages in words.
func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// printable keeps foreign text from driving the terminal: what is no printable
// character is shown as an escape.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsGraphic(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
