package broker

import (
	"crypto/subtle"

	"github.com/nats-io/nats-server/v2/server"
)

// user is the name under which sitwell's own parts connect.
const user = "sitwell"

// gate keeps everybody but sitwell's own parts out until Admit, and MQTT clients
// to the topics of devices afterwards: the log and the key-value store are
// subjects of the same server, and nothing but their permissions keeps a client
// from them. Credentials of devices, by the MQTT client id, arrive here.
type gate struct {
	b       *Broker
	devices *server.User // shared: the server makes a client's own copy
}

// Check reports whether a client may connect, and says what it may do.
func (g gate) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == user { // also once others are let in: who means to be a part of sitwell and is of another log must hear of it
		return subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.b.password)) == 1
	}
	if !g.b.admitted.Load() {
		g.b.refused.Add(1)
		return false
	}
	// Clients of NATS name their language; MQTT has no such field. Whoever
	// leaves it out gets the permissions of a device.
	if o.Lang == "" {
		c.RegisterUser(g.devices)
	}
	return true
}

// devices are the permissions of MQTT clients: publish what devices publish,
// subscribe to what is for devices. Everything below sitwell/ may be published,
// of any version, so that what this version does not know ends in quarantine
// rather than nowhere.
func devices() *server.Permissions {
	down := []string{"sitwell.*.*.*.nudges", "sitwell.*.*.*.config"}
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{"sitwell.>"}, Deny: down},
		// The server delivers QoS 1 on a subject of its own for each subscription.
		Subscribe: &server.SubjectPermission{Allow: append(down, "$MQTT.sub.>")},
	}
}
