/// A Noise protocol by name (Noise rev 34 §8): pattern, modifiers and algorithms.
struct NoiseProtocol: Hashable, Sendable {
    let name: String
    let pattern: NoisePattern
    let cipher: NoiseCipher
    let hash: NoiseHash

    /// What Postern's sessions begin with.
    static let postern: NoiseProtocol = {
        guard case .supported(let found) = NoiseProtocol.named("Noise_IKpsk1_25519_ChaChaPoly_BLAKE2b") else {
            preconditionFailure("the protocol of Postern is among those that this target knows")
        }
        return found
    }()

    /// What a name stands for.
    enum Lookup {
        case supported(NoiseProtocol)
        /// A well-formed name with an algorithm or a pattern that this target lacks.
        case unsupported
        /// No Noise protocol name.
        case malformed
    }

    /// The protocol called `name`.
    static func named(_ name: String) -> Lookup {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "Noise" else { return .malformed }
        guard parts[2] == "25519", let cipher = NoiseCipher(rawValue: String(parts[3])), cipher.isAvailable,
            let hash = NoiseHash(rawValue: String(parts[4])), let pattern = NoisePattern(parts[1])
        else { return .unsupported }
        return .supported(NoiseProtocol(name: name, pattern: pattern, cipher: cipher, hash: hash))
    }
}

/// One step of a handshake message (Noise rev 34 §7.1).
enum NoiseToken: Hashable, Sendable {
    case e, s, ee, es, se, ss, psk
}

/// Which side of a handshake this is.
enum NoiseRole: Hashable, Sendable {
    case initiator, responder
}

/// A handshake pattern with its pre-shared keys in place (Noise rev 34 §7, §9).
struct NoisePattern: Hashable, Sendable {
    /// Whether the responder knows the initiator's static key beforehand.
    let initiatorIsKnown: Bool
    /// Whether the initiator knows the responder's static key beforehand.
    let responderIsKnown: Bool
    /// The tokens of each message; the initiator writes the first, then they alternate.
    let messages: [[NoiseToken]]
    /// Whether only the initiator ever sends (Noise rev 34 §7.4).
    let isOneWay: Bool

    /// How many pre-shared keys the pattern takes.
    var pskCount: Int { messages.joined().count { $0 == .psk } }

    /// The pattern called `name`, such as `IKpsk2` or `NNpsk0+psk2`, or nil when it is not known.
    init?(_ name: Substring) {
        let base = name.prefix { $0.isUppercase || $0.isNumber }
        guard let text = Self.table[String(base)] else { return nil }
        var messages = text.messages.split(separator: "|").map { $0.split(separator: " ").compactMap(Self.token) }
        let modifiers = name.dropFirst(base.count)
        for modifier in modifiers.split(separator: "+", omittingEmptySubsequences: true) {
            guard modifier.hasPrefix("psk"), let place = Int(modifier.dropFirst(3)) else { return nil }
            guard (0...messages.count).contains(place) else { return nil }
            // Noise rev 34 §9: psk0 stands before the first message's tokens, pskN at the end of message N.
            if place == 0 { messages[0].insert(.psk, at: 0) } else { messages[place - 1].append(.psk) }
        }
        initiatorIsKnown = text.known.contains("i")
        responderIsKnown = text.known.contains("r")
        isOneWay = messages.count == 1
        self.messages = messages
    }

    private static func token(_ text: Substring) -> NoiseToken? {
        switch text {
        case "e": .e
        case "s": .s
        case "ee": .ee
        case "es": .es
        case "se": .se
        case "ss": .ss
        case _: nil
        }
    }

    /// The patterns of Noise rev 34 §7.4, §7.5 and §18.1: whose static keys are known beforehand (`i`, `r`), and the
    /// tokens of each message.
    private static let table: [String: (known: String, messages: String)] = [
        "N": ("r", "e es"),
        "K": ("ir", "e es ss"),
        "X": ("r", "e es s ss"),
        "NN": ("", "e|e ee"),
        "NK": ("r", "e es|e ee"),
        "NX": ("", "e|e ee s es"),
        "XN": ("", "e|e ee|s se"),
        "XK": ("r", "e es|e ee|s se"),
        "XX": ("", "e|e ee s es|s se"),
        "KN": ("i", "e|e ee se"),
        "KK": ("ir", "e es ss|e ee se"),
        "KX": ("i", "e|e ee se s es"),
        "IN": ("", "e s|e ee se"),
        "IK": ("r", "e es s ss|e ee se"),
        "IX": ("", "e s|e ee se s es"),
        "NK1": ("r", "e|e ee es"),
        "NX1": ("", "e|e ee s|es"),
        "X1N": ("", "e|e ee|s|se"),
        "X1K": ("r", "e es|e ee|s|se"),
        "XK1": ("r", "e|e ee es|s se"),
        "X1K1": ("r", "e|e ee es|s|se"),
        "X1X": ("", "e|e ee s es|s|se"),
        "XX1": ("", "e|e ee s|es s se"),
        "X1X1": ("", "e|e ee s|es s|se"),
        "K1N": ("i", "e|e ee|se"),
        "K1K": ("ir", "e es|e ee|se"),
        "KK1": ("ir", "e|e ee se es"),
        "K1K1": ("ir", "e|e ee es|se"),
        "K1X": ("i", "e|e ee s es|se"),
        "KX1": ("i", "e|e ee se s|es"),
        "K1X1": ("i", "e|e ee s|se es"),
        "I1N": ("", "e s|e ee|se"),
        "I1K": ("r", "e es s|e ee|se"),
        "IK1": ("r", "e s|e ee se es"),
        "I1K1": ("r", "e s|e ee es|se"),
        "I1X": ("", "e s|e ee s es|se"),
        "IX1": ("", "e s|e ee se s|es"),
        "I1X1": ("", "e s|e ee s|se es"),
    ]
}
