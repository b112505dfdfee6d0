import OverlayCrypto
import PosternModel
import Testing

@testable import TrustCore

/// Numbers in what is signed have one reading (RFC 8785 §3.2.2.3).
@Suite struct SignedNumbersTests {
    @Test(arguments: ["1e16", "10000000000000000", "1.0", "1e3", "-1e0", "0.5"])
    func `a number of which two spellings have one canonical form is refused in a signed record`(number: String) throws
    {
        var members = JSONObject()
        members["extra"] = [try JSONValue(parsing: number)]
        let record = SignedRecord(.grant, members, signedBy: alice)
        #expect(throws: RecordError.ambiguousNumber) { try SignedRecord(verifying: record.document, as: .grant) }
    }

    @Test func `plain whole numbers are read, as far as a double holds them`() throws {
        for number in ["0", "-7", "9007199254740992"] {
            var members = JSONObject()
            members["extra"] = try JSONValue(parsing: number)
            let record = SignedRecord(.grant, members, signedBy: alice)
            #expect(try SignedRecord(verifying: record.document, as: .grant) == record)
        }
    }
}
