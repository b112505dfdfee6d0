import OverlayCrypto
import OverlayWire
import PosternModel
import TestSupport
import Testing
import TrustCore

@Suite struct InvitationTests {
    let invitation = Invitation(
        inviter: alice.key,
        name: "Alice",
        hubs: [hub],
        candidates: [Endpoint("192.0.2.1:4000")!],
        services: .names(["planner"]),
        expires: time(3_600),
        secret: InvitationSecret(bytes: Array(repeating: 5, count: 32))!
    )

    func claim(_ invitation: Invitation, by redeemer: NodeIdentity = bob) -> InvitationClaim {
        let grant = Grant(from: redeemer, to: invitation.inviter, services: .all, issued: time(0))
        return InvitationClaim(from: redeemer, invitation: invitation, name: "Bob", grant: grant, hubs: [hub])
    }

    @Test func `a token is one word and comes back as the invitation`() throws {
        #expect(try Invitation(token: invitation.token) == invitation)
        #expect(invitation.token.allSatisfy { !$0.isWhitespace })
        #expect(Invitation.isInvitation(invitation.token))
    }

    @Test func `each truncation and each changed character of a token is noticed`() {
        let token = Array(invitation.token)
        for count in 0..<token.count {
            #expect(throws: RecordError.self) { try Invitation(token: String(token.prefix(count))) }
        }
        for position in stride(from: 15, to: token.count, by: 7) {
            var damaged = token
            damaged[position] = damaged[position] == "A" ? "B" : "A"
            #expect(throws: RecordError.self) { try Invitation(token: String(damaged)) }
        }
    }

    @Test(arguments: [
        "TOKEN", " TOKEN\n", "\"TOKEN\"", "'TOKEN'.", "\u{201c}TOKEN\u{201d},", "<TOKEN>", "`TOKEN`", "(TOKEN)",
        "TOKEN.",
        "TOKEN!?", "TOKEN;", "TOKEN\u{200b}", "\u{feff}TOKEN", "**TOKEN**", "_TOKEN_", "TOKEN\u{a0}-- \nBob",
        "postern join 'TOKEN'", "Hello,\nhere it is: TOKEN\nSee you tomorrow at 5", "TOKEN see you",
    ])
    func `what stands around an invitation is no damage`(text: String) {
        let copy = text.replacing("TOKEN", with: invitation.token)
        #expect(Invitation(within: copy) == invitation)
        #expect(Invitation.isInvitation(copy))
    }

    @Test(arguments: ["\n", "\r\n", " \n    ", "=\r\n", "\n> ", "\n> > ", "\u{ad}", "\t"], [1, 9, 60, 76])
    func `an invitation that was wrapped is whole`(wrap: String, width: Int) {
        let token = Array(invitation.token)
        let lines = stride(from: 0, to: token.count, by: width).map { String(token[$0..<min($0 + width, token.count)]) }
        #expect(Invitation(within: lines.joined(separator: wrap)) == invitation)
    }

    @Test func `a text without a whole invitation holds none`() {
        let token = invitation.token
        for text in ["", "postern-invite", "postern-invite:", "postern-invite:AAAA", String(token.dropLast(3)), "x"] {
            #expect(Invitation(within: text) == nil)
        }
        #expect(!Invitation.isInvitation("hello"))
        let long = String(repeating: " ", count: LinkText.limit) + token
        #expect(Invitation(within: long) == nil && !Invitation.isInvitation(long))
        // Words without end behind a beginning cost a bounded number of tries.
        let words = "postern-invite:" + String(repeating: "a ", count: 30_000)
        #expect(Invitation(within: words) == nil)
    }

    @Test func `only a holder of the secret can redeem (S3)`() throws {
        let copy = try InvitationClaim(verifying: claim(invitation).document)
        #expect(copy.isProved(by: invitation.secret))
        #expect(!copy.isProved(by: InvitationSecret(bytes: Array(repeating: 6, count: 32))!))
    }

    @Test func `a claim that was seen cannot be redeemed for somebody else`() throws {
        let seen = claim(invitation)
        // Mallory signs Bob's claim as her own, with her own grant and Bob's MAC.
        var members = seen.document.object!
        members["by"] = .string(mallory.key.did)
        members["grant"] = Grant(from: mallory, to: alice.key, services: .all, issued: time(0)).document
        members["signature"] = nil
        let signature = mallory.sign(Array("postern record 1\n".utf8) + JSONValue.object(members).canonicalBytes)
        members["signature"] = .string(Base64URL.encode(signature.bytes))
        let stolen = try InvitationClaim(verifying: .object(members))
        #expect(!stolen.isProved(by: invitation.secret))
    }

    @Test func `what is derived from the secret differs by purpose and is never the secret`() {
        let secret = invitation.secret
        let derived = [secret.guestSeed, secret.guestSecret.copyBytes(), secret.copyBytes()]
        #expect(Set(derived).count == 3)
        #expect("\(secret)" == "<redacted>")
    }
}
