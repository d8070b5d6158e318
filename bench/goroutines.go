// Goroutines that each touch fresh memory, for bench/stacks.py: goroutines COUNT
package main

import (
	"os"
	"strconv"
	"sync"
)

const (
	pageBytes = 4096
	pages     = 256
)

//go:noinline
func touchPages() []byte {
	fresh := make([]byte, pages*pageBytes)
	for page := 0; page < pages; page++ {
		fresh[page*pageBytes] = 1
	}
	return fresh
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	kept := make([][]byte, count)
	var all sync.WaitGroup
	for i := range kept {
		all.Add(1)
		go func() {
			defer all.Done()
			kept[i] = touchPages()
		}()
	}
	all.Wait()
}
