// The pause program keeps a pod's namespaces alive. It is the first process of the pod's sandbox: it ends at once when it
// is told to, and it reaps what is handed to it when pods share one process namespace.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker to the tag of the image.
var version = "unknown"

func main() {
	for _, argument := range os.Args[1:] {
		// `kubeadm upgrade` starts a Job with this image and this argument and waits for its success.
		if argument == "-v" {
			fmt.Println("pause", version)
			return
		}
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	// A child may have ended before the handler was there.
	reap()
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		reap()
	}
}

// reap collects every child that has ended. One signal may stand for several children.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
	}
}
