/// A public key as JSON Web Keys write it (RFC 7517), of the kinds that sign agent cards.
package struct JSONWebKey: Hashable, Sendable {
    /// What it consists of.
    package enum Material: Hashable, Sendable {
        /// Ed25519, 32 bytes (RFC 8037 §2).
        case ed25519([UInt8])
        /// A point on P-256, 32 bytes each (RFC 7518 §6.2).
        case p256(x: [UInt8], y: [UInt8])
        /// Big-endian (RFC 7518 §6.3), the modulus of 2048 to 8192 bits.
        case rsa(modulus: [UInt8], exponent: [UInt8])
    }

    /// How signatures name it; nil: not at all.
    package let id: String?
    package let material: Material

    /// The keys of a set, `{"keys": […]}`, or the one that stands there. Other kinds of keys are left out (RFC 7517
    /// §5); nil when none is left.
    package static func all(in text: String) -> [JSONWebKey]? {
        guard let document = try? JSONValue(parsing: Array(text.utf8)) else { return nil }
        let keys = (document["keys"]?.array ?? [document]).compactMap(JSONWebKey.init)
        return keys.isEmpty ? nil : keys
    }

    private init?(_ value: JSONValue) {
        func bytes(_ name: String) -> [UInt8] { value[name]?.string.flatMap { Base64URL.decode($0) } ?? [] }
        switch (value["kty"]?.string, value["crv"]?.string) {
        case ("OKP", "Ed25519"):
            let point = bytes("x")
            guard point.count == 32 else { return nil }
            material = .ed25519(point)
        case ("EC", "P-256"):
            let (x, y) = (bytes("x"), bytes("y"))
            guard x.count == 32, y.count == 32 else { return nil }
            material = .p256(x: x, y: y)
        case ("RSA", _):
            let (modulus, exponent) = (bytes("n"), bytes("e"))
            guard (256...1024).contains(modulus.count), (1...8).contains(exponent.count) else { return nil }
            material = .rsa(modulus: modulus, exponent: exponent)
        case _:
            return nil
        }
        id = value["kid"]?.string
    }
}
