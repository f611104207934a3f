// Passkeys by the browser (WebAuthn): options and answers as the JSON of WebAuthn Level 3, also where the browser does
// not read and write that JSON itself.

type Json = { readonly [key: string]: unknown };

function bytes(text: unknown): ArrayBuffer {
  const plain = String(text).replace(/-/g, "+").replace(/_/g, "/");
  const raw = atob(plain);
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0)).buffer;
}

function base64url(buffer: ArrayBuffer | null): string | undefined {
  if (buffer === null) return undefined;
  const raw = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function described(list: unknown): PublicKeyCredentialDescriptor[] {
  return (Array.isArray(list) ? (list as Json[]) : []).map((one) => ({ ...one, id: bytes(one["id"]) })) as unknown as PublicKeyCredentialDescriptor[];
}

function creation(options: Json): PublicKeyCredentialCreationOptions {
  const user = options["user"] as Json;
  return {
    ...options,
    challenge: bytes(options["challenge"]),
    user: { ...user, id: bytes(user["id"]) },
    excludeCredentials: described(options["excludeCredentials"]),
  } as unknown as PublicKeyCredentialCreationOptions;
}

function request(options: Json): PublicKeyCredentialRequestOptions {
  return {
    ...options,
    challenge: bytes(options["challenge"]),
    allowCredentials: described(options["allowCredentials"]),
  } as unknown as PublicKeyCredentialRequestOptions;
}

function answerOf({ response }: PublicKeyCredential): Json {
  const clientDataJSON = base64url(response.clientDataJSON);
  if (response instanceof AuthenticatorAttestationResponse) {
    return { clientDataJSON, attestationObject: base64url(response.attestationObject), transports: response.getTransports() };
  }
  const { authenticatorData, signature, userHandle } = response as AuthenticatorAssertionResponse;
  return {
    clientDataJSON,
    authenticatorData: base64url(authenticatorData),
    signature: base64url(signature),
    userHandle: base64url(userHandle),
  };
}

function jsonOf(credential: PublicKeyCredential): string {
  try {
    return JSON.stringify(credential.toJSON());
  } catch {
    // Written by hand where the browser does not.
    const { id, rawId, type, authenticatorAttachment } = credential;
    return JSON.stringify({
      id,
      rawId: base64url(rawId),
      type,
      authenticatorAttachment,
      response: answerOf(credential),
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }
}

/** Whether this browser can have passkeys, here: they need https or the machine itself. */
export function hasPasskeys(): boolean {
  return window.isSecureContext && "PublicKeyCredential" in window;
}

/** Makes a passkey; null when the person, or the device, would not. */
export async function makePasskey(optionsJson: string): Promise<string | null> {
  try {
    const made = await navigator.credentials.create({ publicKey: creation(JSON.parse(optionsJson) as Json) });
    return made === null ? null : jsonOf(made as PublicKeyCredential);
  } catch {
    return null;
  }
}

/** Answers with a passkey; null when the person, or the device, would not. */
export async function askPasskey(optionsJson: string): Promise<string | null> {
  try {
    const given = await navigator.credentials.get({ publicKey: request(JSON.parse(optionsJson) as Json) });
    return given === null ? null : jsonOf(given as PublicKeyCredential);
  } catch {
    return null;
  }
}
