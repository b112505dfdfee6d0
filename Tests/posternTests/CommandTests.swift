import PosternModel
import SidecarCore
import Testing

@testable import postern

@Suite struct PingReportTests {
    @Test(
        arguments: [([3], 3), ([4, 1], 2.5), ([9, 1, 2], 2), ([1, 10, 2, 4], 3)] as [([Double], Double)]
    )
    func `the median of an even number is the mean of the two in the middle`(times: [Double], median: Double) {
        let report = PingPeer.Answer(sent: 5, milliseconds: times, path: nil)
        #expect(report.rttMs?.median == median && report.received == times.count && report.sent == 5)
    }

    @Test func `where nothing came back there are no times`() {
        #expect(PingPeer.Answer(sent: 3, milliseconds: [], path: nil).rttMs == nil)
    }
}

@Suite struct NameHintTests {
    @Test func `a name with a dot is given in its network, any other one here`() {
        #expect(NameHint.binding("planner") == "bind it with `postern name DID planner`")
        let hint = NameHint.binding("planner.acme")
        #expect(!hint.contains("postern name") && hint.contains("`postern network name acme DID planner`"))
    }
}

@Suite struct CallAnswerTests {
    private func head(_ status: Int, _ code: String? = nil) -> JSONRPCCall.Head {
        JSONRPCCall.Head(status: status, sidecarError: code)
    }

    @Test func `what an agent answers in JSON-RPC is an answer, whatever the status`() {
        #expect(CallCommand.failure(["jsonrpc": "2.0", "id": 1, "result": [:]], head(200)) == nil)
        #expect(CallCommand.failure(["jsonrpc": "2.0", "id": 1, "error": ["code": -32_601]], head(400)) == nil)
        #expect(CallCommand.failure(["any": "JSON"], head(200)) == nil)
    }

    @Test func `an error of a sidecar is told with its own code, cause and hint`() throws {
        let said: JSONValue = [
            "jsonrpc": "2.0", "id": nil,
            "error": ["code": -32_010, "message": "refused\u{1b}[31m", "data": ["code": "x", "hint": "start it"]],
        ]
        let failure = try #require(CallCommand.failure(said, head(502, "upstream-refused")))
        #expect(failure.code == "upstream-refused" && failure.status == .failed && failure.hint == "start it")
        #expect(failure.message == "refused [31m")
    }

    @Test func `JSON with a status that refuses is no answer`() throws {
        let failure = try #require(CallCommand.failure(["detail": "Not Found"], head(404)))
        #expect(failure.code == "no-answer" && failure.message.contains("404"))
    }
}

@Suite struct SystemdUnitTests {
    @Test func `a unit is known by the state directory that it serves`() {
        let unit = SystemdUnit(scope: .user, program: "/usr/bin/postern", config: "/s/postern.yaml", state: "/s/a b")
        #expect(SystemdUnit.runs("/s/a b", in: unit.text))
        #expect(!SystemdUnit.runs("/s/a", in: unit.text) && !SystemdUnit.runs("b", in: unit.text))
        #expect(!SystemdUnit.runs("/s", in: ""))
    }
}
