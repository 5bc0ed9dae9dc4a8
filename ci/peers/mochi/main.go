// SPDX-License-Identifier: MIT OR Apache-2.0

// The broker mochi-mqtt on loopback: mochi PORT. It keeps sessions and retained messages in memory. At SIGUSR1 it says what each of its
// goroutines is at.
package main

import (
	"log"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	server := mqtt.New(nil)
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		log.Fatal(err)
	}
	tcp := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:" + os.Args[1]})
	if err := server.AddListener(tcp); err != nil {
		log.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1)
	for <-signals == syscall.SIGUSR1 {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
	}
	_ = server.Close()
}
