package bus

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// The times of a connection. A link that hangs or is half-open is given up after
// three intervals of ping.
const (
	pingEvery     = 10 * time.Second
	pingsOut      = 2
	reconnectWait = 250 * time.Millisecond
)

// ConnOptions are for every connection of a role, called name in the server's
// lists. A connection that breaks or hangs for 30 s is made anew, without end;
// a publish meanwhile fails at once and is repeated by its caller, so that
// nothing is buffered where a crash would lose it.
func ConnOptions(name string, logger *slog.Logger) []nats.Option {
	logger = logger.With("connection", name)
	return []nats.Option{
		nats.Name(name), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1),
		// A server that is given another password keeps its clients: they may be
		// given it later, too.
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil where it was closed on purpose
				logger.Warn("connection to the log is lost, trying again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { logger.Info("connection to the log is back", "server", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			// A denied publish shows here and nowhere else.
			logger.Error("the log reports an error", "subject", subject, "error", err)
		}),
	}
}

// whileConnected is a context that ends when the connection breaks: the answer
// to a question on the way then never comes. Where there is no connection, it
// ends with the next break.
func (b *Bus) whileConnected(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	broken := b.nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	go func() {
		select {
		case <-broken:
		case <-ctx.Done():
		}
		cancel()
		b.nc.RemoveStatusListener(broken)
	}()
	return ctx, cancel
}
