// SPDX-License-Identifier: BSD-2-Clause

// A client as Go programs are: linked statically, with Go's own resolver, its own TLS, and sockets that never block.
// arguments: URL...; each is fetched by a goroutine of its own, and the bodies' lengths are printed in the order of the arguments.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	pool := x509.NewCertPool()
	if pem, err := os.ReadFile(os.Getenv("CA")); err == nil {
		pool.AppendCertsFromPEM(pem)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	results := make([]chan string, len(os.Args)-1)
	for i, url := range os.Args[1:] {
		results[i] = make(chan string, 1)
		go func(url string, out chan<- string) {
			response, err := client.Get(url)
			if err != nil {
				out <- "error: " + err.Error()
				return
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			out <- fmt.Sprintf("%d %d %v", response.StatusCode, len(body), err)
		}(url, results[i])
	}
	failed := false
	for _, result := range results {
		text := <-result
		fmt.Println(text)
		failed = failed || text[0] == 'e'
	}
	if failed {
		os.Exit(1)
	}
}
