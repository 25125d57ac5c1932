package ops

import "errors"

// ErrUnauthorised is a refusal of sitwell's own parts by an MQTT broker. Its words say
// how a broker comes to know them.
var ErrUnauthorised = errors.New("the MQTT broker must know user sitwell with the content of the secret file, <data>/secret, as its password; " +
	"for Mosquitto: mosquitto_passwd -b FILE sitwell \"$(cat data/secret)\", then send it SIGHUP")
