package doctor

import (
	"context"

	"sitwell/internal/app"
)

// others says what the embedded broker keeps for sessions that are not ingest's.
func (e *exam) others(ctx context.Context) {
	const check = "other sessions"
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	held, err := app.HeldForOthers(ctx, e.log)
	if err != nil {
		e.say(check, Fail, "see the log of the process with the broker", "the log does not say what it keeps for sessions: %v", err)
		return
	}
	for _, h := range held {
		switch {
		case h.Connected: // it may be about to take them
			e.say(check, Warn, "see that "+h.Session+" takes what it subscribed to, or subscribes at QoS 0",
				"%d messages of devices are kept for the MQTT session %s as well, which is not ingest's", h.Messages, h.Session)
		case h.Session == "":
			e.say(check, Fail, "start the process with the broker again; it removes what a kill left of an MQTT session",
				"%d messages of devices are kept for the consumer %s, which no session knows: they fill the broker's limit", h.Messages, h.Consumer)
		default:
			e.say(check, Fail, "if ingest had that name, start it with --client-id "+h.Session+" --new-session until it has taken them; to drop them, "+app.RemoveSession(h.Session),
				"%d messages of devices are kept for the MQTT session %s, which is not ingest's and away: they fill the broker's limit", h.Messages, h.Session)
		}
	}
	if len(held) == 0 {
		e.say(check, OK, "", "the broker keeps what devices publish for ingest alone")
	}
}
