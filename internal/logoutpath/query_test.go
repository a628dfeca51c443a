package logoutpath

import "testing"

// TestGenerousQueries: spellings of a query pair that frameworks take.
func TestGenerousQueries(t *testing.T) {
	for raw, want := range map[string]bool{
		"log_out=1": true, "log.out=1": true, "log+out=1": true, "log%20out=1": true, "log[out=1": true, "LOG_OUT=1": true, "+log_out=1": true,
		"log_out%00x=1": true, "log_out[]=1": true, "log_out[a]=1": true, "a=b;log_out=1": true,
		"log_out=2": false, "log_outx=1": false, "log_ou=1": false, "xlog_out=1": false, "log_out": false, "": false, "[=1": false,
	} {
		if got := queryHas(raw, "log_out", "1"); got != want {
			t.Errorf("%q: %v", raw, got)
		}
	}
}
