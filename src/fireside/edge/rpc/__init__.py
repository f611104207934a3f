"""The API's services, one file each: decode, take the principal, call one capability, answer."""
