// Package deploy has what sitwell is deployed with: the image's Dockerfile, the
// configuration of the servers beside it and how their secrets are made.
//
// It has no code. Its tests read docker-compose.yml as the compose command
// does, start NATS with nats.conf and check the Dockerfile, because no Docker
// engine may be at hand.
package deploy
