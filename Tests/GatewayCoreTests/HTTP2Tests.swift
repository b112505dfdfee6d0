import PosternModel
import TestSupport
import Testing

@testable import GatewayCore

/// gRPC at the port of an A2A service: HTTP/2 with prior knowledge passes as it is.
@Suite struct HTTP2Tests {
    private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    private static let frames = preface + "\0\0\0\u{4}\0\0\0\0\0"

    private static func expose(grpc: HostPort?, kind: ServiceKind = .a2a) -> Passage {
        let service = ExposedService(
            service: Service(name: "planner", port: VirtualPort(80), kind: kind),
            upstream: .loopback(9999),
            grpc: grpc
        )
        return Passage(.expose(ExposePolicy(service, did: "did:key:zAlice", peerName: "alice", network: nil)))
    }

    private static func reach(_ kind: ServiceKind) -> Passage {
        Passage(
            .reach(ReachPolicy(names: OwnNames(), offersUpgrade: kind.offersUpgrade, carriesHTTP2: kind.carriesHTTP2))
        )
    }

    @Test func `HTTP2 passes both ends as it comes, wherever it is cut`() {
        let bytes = Array(Self.frames.utf8)
        for cut in 0..<bytes.count {
            for passage in [Self.reach(.a2a), Self.expose(grpc: .loopback(50051))] {
                passage.ask(Array(bytes[..<cut]))
                passage.ask(Array(bytes[cut...]))
                #expect(passage.forwarded == bytes, "cut at \(cut)")
                #expect(passage.answer(bytes) == bytes)
                #expect(passage.error == nil)
            }
        }
    }

    @Test func `an upstream that breaks looks broken, and not like an answer`() {
        let passage = Self.reach(.a2a)
        passage.ask(Self.frames)
        #expect(passage.answerToLoss(.unavailable) == .abort)
    }

    @Test func `nobody else gets it`() {
        for passage in [
            Self.reach(.mcp), Self.reach(.http), Self.expose(grpc: nil), Self.expose(grpc: nil, kind: .mcp),
        ] {
            passage.ask(Self.frames)
            #expect(passage.error?.code == .badRequest)
            #expect(passage.forwarded.isEmpty)
        }
    }

    @Test func `it comes first or not at all`() {
        for passage in [Self.reach(.a2a), Self.expose(grpc: .loopback(50051))] {
            passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1:7701"))
            passage.answer(message("HTTP/1.1 204 No Content"))
            passage.ask(Self.frames)
            #expect(passage.error?.code == .badRequest)
        }
    }
}
