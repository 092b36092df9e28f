//go:build tools

// Package tools keeps the server that the tests start among this module's requirements.
package tools

import _ "github.com/stripe/stripe-mock"
