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

	"github.com/nats-io/nats.go/jetstream"
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
				newest, older, err := e.newestQuarantined(ctx, log, only, limit)
				if err != nil {
					return err
				}
				return e.listQuarantine(&cl, newest, older)
			})
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "", "only those refused for this reason")
	c.Flags().IntVar(&limit, "limit", 100, "the newest so many")
	return c
}

// listQuarantine prints the newest, and how many there are besides.
func (e *env) listQuarantine(cl *client, newest []kept, older int) error {
	const widest = 70 // of a topic, so that a long one does not widen every row
	rows := [][]string{{"NUMBER", "RECEIVED", "REASON", "READINGS", "TOPIC", "DETAIL"}}
	for _, k := range newest {
		topic := printable(k.Topic)
		if len(topic) > widest {
			topic = topic[:widest] + "..."
		}
		rows = append(rows, []string{
			strconv.FormatUint(k.Number, 10), k.Received.Format(time.RFC3339), string(k.Reason),
			strconv.Itoa(k.Readings), topic, printable(k.Detail),
		})
	}
	if err := e.table(cl, newest, "nothing is in quarantine", rows); err != nil || older == 0 || cl.json {
		return err
	}
	_, err := fmt.Fprintf(e.out, "%d older ones are not shown; see --limit\n", older)
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
					return absent(n, err)
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
			"assigning a device, or by a newer version; or all of one --reason. One that cannot be taken stays where it is\n" +
			"and does not keep the others back. It may be repeated: what was taken is not in quarantine any more.",
		RunE: func(c *cobra.Command, args []string) error {
			numbers, err := numbersOf(args)
			if err != nil {
				return err
			}
			only, err := reasonOf(reason)
			if err != nil {
				return err
			}
			log, closeLog, err := cl.open(c.Context())
			if err != nil {
				return err
			}
			defer closeLog()
			if len(numbers) == 0 {
				if numbers, err = e.redrivable(c.Context(), log, only); err != nil {
					return err
				}
			}
			return e.redrive(c.Context(), &cl, log, numbers)
		},
	}
	cl.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "", "all refused for this reason")
	return c
}

const (
	redriveWait = 30 * time.Second // for the answer to one message
	// failuresTold bounds what is said of messages that could not be taken.
	failuresTold = 5
)

// redrive goes through all numbers: one that cannot be taken, such as one that was kept
// in part only, does not keep the others back. It ends early only if nobody answers.
func (e *env) redrive(ctx context.Context, cl *client, log *bus.Bus, numbers []uint64) error {
	taken, refused, failed := 0, 0, 0
	var gone, why []error
	for _, n := range numbers {
		result, err := redriveOne(ctx, log, n)
		switch {
		case errors.Is(err, errAbsent):
			if len(gone) < failuresTold {
				gone = append(gone, err)
			}
		case err != nil:
			return fmt.Errorf("%w; %s taken before", err, messages(taken))
		case result.Error != "":
			if failed++; failed <= failuresTold {
				why = append(why, errors.New(result.Error))
			}
		case result.Refused > 0:
			refused++
		default:
			taken++
		}
	}
	if taken+refused+failed == 0 && len(gone) > 0 {
		return errors.Join(gone...)
	}
	again := ""
	if refused > 0 {
		again = fmt.Sprintf(", %s refused again, whole or in part", messages(refused))
	}
	err := e.say(cl, map[string]int{"taken": taken, "refused_again": refused, "failed": failed}, "%s taken%s", messages(taken), again)
	err = errors.Join(append(gone, err)...)
	if failed > 0 {
		return errors.Join(err, fmt.Errorf("%s could not be taken and stay in quarantine: %w", messages(failed), errors.Join(why...)))
	}
	return err
}

func redriveOne(ctx context.Context, log *bus.Bus, n uint64) (result ingest.RedriveResult, err error) {
	ctx, cancel := context.WithTimeout(ctx, redriveWait)
	defer cancel()
	if _, err := log.Get(ctx, schemas.StreamQuarantine, n); errors.Is(err, jetstream.ErrMsgNotFound) {
		return result, absent(n, err)
	}
	answer, err := log.Conn().RequestWithContext(ctx, ingest.RedriveSubject, strconv.AppendUint(nil, n, 10))
	if err != nil {
		return result, fmt.Errorf("redrive %d: %w; does ingest run?", n, err)
	}
	if err := json.Unmarshal(answer.Data, &result); err != nil {
		return result, fmt.Errorf("redrive %d: %w", n, err)
	}
	return result, nil
}

func (e *env) quarantineDrop() *cobra.Command {
	var cl client
	c := &cobra.Command{
		Use: "drop NUMBER...", Short: "Delete refused messages for good",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("give the numbers of `sitwell quarantine list`"))
			}
			numbers, err := numbersOf(args)
			if err != nil {
				return err
			}
			return cl.withLog(c.Context(), func(ctx context.Context, log *bus.Bus) error {
				for _, n := range numbers {
					if err := log.Delete(ctx, schemas.StreamQuarantine, n); err != nil {
						return absent(n, err)
					}
				}
				return e.say(&cl, map[string]int{"dropped": len(numbers)}, "%s deleted", messages(len(numbers)))
			})
		},
	}
	cl.register(c.Flags())
	return c
}

// absent says of a number that is not there where the others stand.
func absent(n uint64, err error) error {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%d %w", n, errAbsent)
	}
	return err
}

var errAbsent = errors.New("is not in quarantine; see `sitwell quarantine list`")

// lookThrough bounds looking through a stream, which may hold a gigabyte.
const lookThrough = time.Minute

// withLog lets work use the log of the running sitwell.
func (c *client) withLog(ctx context.Context, work func(ctx context.Context, log *bus.Bus) error) error {
	ctx, cancel := context.WithTimeout(ctx, lookThrough)
	defer cancel()
	log, closeLog, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer closeLog()
	return work(ctx, log)
}

// eachQuarantined reads the stream up to its present end, all of it or one reason. An
// entry that cannot be read is told of and passed over: it must not hide the others.
func (e *env) eachQuarantined(ctx context.Context, log *bus.Bus, reason schemas.Reason, each func(seq uint64, q schemas.Quarantined)) error {
	var filter []string
	if reason != "" {
		filter = []string{schemas.QuarantineSubject(reason)}
	}
	return log.Each(ctx, schemas.StreamQuarantine, filter, func(msg bus.Msg) error {
		q, err := schemas.DecodeQuarantined(msg.Data)
		if err != nil {
			_, err = fmt.Fprintf(e.err, "quarantined message %d cannot be read: %v; `sitwell quarantine drop %d` deletes it\n", msg.Seq, err, msg.Seq)
			return err
		}
		each(msg.Seq, q)
		return nil
	})
}

// newestQuarantined is the newest so many, and how many are older. The stream may hold
// a gigabyte: no more than limit of it is kept at a time.
func (e *env) newestQuarantined(ctx context.Context, log *bus.Bus, reason schemas.Reason, limit int) (newest []kept, older int, err error) {
	newest = []kept{}
	err = e.eachQuarantined(ctx, log, reason, func(seq uint64, q schemas.Quarantined) {
		if len(newest) == limit {
			newest[0] = kept{} // lets go of its payload
			newest = newest[1:]
			older++
		}
		newest = append(newest, keep(seq, q))
	})
	return newest, older, err
}

func (e *env) redrivable(ctx context.Context, log *bus.Bus, reason schemas.Reason) (numbers []uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookThrough)
	defer cancel()
	err = e.eachQuarantined(ctx, log, reason, func(seq uint64, q schemas.Quarantined) {
		if reason != "" || q.Reason.Redrivable() {
			numbers = append(numbers, seq)
		}
	})
	return numbers, err
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
