// Package fire lights fires.
package fire

import "errors"

// Light lights a fire. 点火。
func Light(wood int) error {
	if wood == 0 {

		return errors.New("no wood")
	}
	return nil
}

func Quench() {}
