import PosternModel

/// The keys of which one must have signed the card of a service.
struct CardPins: Sendable {
    let keys: [JSONWebKey]
    let signatures: any GatewaySignatures

    /// `card` without what no signature of a pinned key covers; throws when there is no such signature.
    func verified(_ card: JSONObject) throws(GatewayError) -> JSONObject {
        let forms = SignedForm.all(of: card).map { ($0.members, Base64URL.encode($0.bytes)) }
        for signature in card["signatures"]?.array?.prefix(8) ?? [] {
            guard let header = signature["protected"]?.string, let text = signature["signature"]?.string,
                let bytes = Base64URL.decode(text), let parsed = Base64URL.decode(header).flatMap(Self.fields)
            else { continue }
            for (members, payload) in forms {
                let message = Array((header + "." + payload).utf8)
                let isGood = keys.contains { key in
                    (key.id == nil || parsed.keyID == nil || key.id == parsed.keyID)
                        && signatures.verify(bytes, of: message, by: key, algorithm: parsed.algorithm)
                }
                if isGood { return card.filtered { $0 == "signatures" || members?.contains($0) ?? true } }
            }
        }
        throw .cardIsNotByPinnedKey
    }

    /// The protected header, unless it names extensions that have to be understood (RFC 7515 §4.1.11).
    private static func fields(_ header: [UInt8]) -> (algorithm: String, keyID: String?)? {
        guard let header = try? JSONValue(parsing: header), header["crit"] == nil, let algorithm = header["alg"]?.string
        else { return nil }
        return (algorithm, header["kid"]?.string)
    }
}

extension CardRewriter {
    /// The signatures of `card` by this node's key (A2A 1.0 §8.4). Its `kid` is the did, which is the key.
    func signatures(_ card: JSONObject, by signer: any GatewaySignatures) -> JSONValue {
        let header: JSONValue = ["alg": "EdDSA", "kid": .string(signer.key.did), "typ": "JOSE"]
        let protected = Base64URL.encode(header.compactBytes)
        return .array(
            SignedForm.all(of: card).dropFirst().map { form in
                let message = protected + "." + Base64URL.encode(form.bytes)
                return [
                    "protected": .string(protected),
                    "signature": .string(Base64URL.encode(signer.sign(Array(message.utf8)))),
                ]
            }
        )
    }
}

/// What a signature of a card may be over, in the canonical form of RFC 8785 and always without the signatures.
private struct SignedForm {
    let bytes: [UInt8]
    /// The members of the card that are in it; nil: all.
    let members: Set<String>?

    /// What clients know of a card of 1.0. One that has the addresses of 0.3 beside it is signed without those.
    private static let current: Set<String> = [
        "name", "description", "supportedInterfaces", "provider", "version", "documentationUrl", "capabilities",
        "securitySchemes", "securityRequirements", "defaultInputModes", "defaultOutputModes", "skills", "iconUrl",
    ]
    /// What a message of 1.0 that says false does not say (A2A 1.0 §8.4.1).
    private static let falseByDefault: Set<String> = ["required", "pkceRequired"]

    /// As it stands; without what is empty; and of that what 1.0 has, where the card has more.
    static func all(of card: JSONObject) -> [SignedForm] {
        let whole = card.filtered { $0 != "signatures" }
        let clean = cleaned(whole)
        var forms = [
            SignedForm(bytes: JSONValue.object(whole).canonicalBytes, members: nil),
            SignedForm(bytes: clean.canonicalBytes, members: nil),
        ]
        if card["supportedInterfaces"] != nil, case .object(let members) = clean,
            members.keys.contains(where: { !current.contains($0) })
        {
            let bytes = JSONValue.object(members.filtered(current.contains)).canonicalBytes
            forms.append(SignedForm(bytes: bytes, members: current))
        }
        return forms
    }

    private static func cleaned(_ object: JSONObject) -> JSONValue {
        var result = JSONObject()
        for member in object.members {
            if member.value == .bool(false), falseByDefault.contains(member.key) { continue }
            if let value = cleaned(member.value) { result[member.key] = value }
        }
        return .object(result)
    }

    private static func cleaned(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .object(let object):
            let result = cleaned(object)
            return result == .object(JSONObject()) ? .none : result
        case .array(let elements):
            let result = elements.compactMap(cleaned)
            return result.isEmpty ? .none : .some(.array(result))
        case .string(let text):
            return text.isEmpty ? .none : value
        case .null:
            // `nil` alone would be a JSON value.
            return .none
        case .bool, .integer, .double:
            return value
        }
    }
}

extension JSONObject {
    fileprivate func filtered(_ isKept: (String) -> Bool) -> JSONObject {
        var result = JSONObject()
        for member in members where isKept(member.key) { result[member.key] = member.value }
        return result
    }
}
