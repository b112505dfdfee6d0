import NIOCore
import Testing

@testable import SidecarControl

@Suite struct LoopbackClientTests {
    private let table = """
          sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
           0: 0100007F:1DB0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 00 100 0 0 10 0
           1: 0100007F:1DB0 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 00 20 4 30 10 -1
           2: 0100007F:C350 0100007F:1DB0 01 00000000:00000000 00:00000000 00000000  1001        0 13 1 00 20 4 30 10 -1
           3: 0100007F:C351 0100007F:1DB0 04 00000000:00000000 00:00000000 00000000     0        0 0 1 00 20 4 30 10 -1

        """

    @Test func `the client's end of a connection tells its user`() {
        let entries = LoopbackClient.entries(in: table, from: 0xc350, to: 0x1db0)
        #expect(entries == [LoopbackClient.Entry(user: 1001, inode: 13)])
    }

    @Test func `a socket that its program has left tells nobody`() {
        let entries = LoopbackClient.entries(in: table, from: 0xc351, to: 0x1db0)
        #expect(entries == [LoopbackClient.Entry(user: 0, inode: 0)])
        #expect(LoopbackClient.entries(in: table, from: 1, to: 0x1db0).isEmpty)
        #expect(LoopbackClient.entries(in: "", from: 1, to: 2).isEmpty)
    }

    @Test func `a connection without ports has no client to ask for`() throws {
        #expect(LoopbackClient(local: nil, remote: nil) == nil)
        let path = try SocketAddress(unixDomainSocketPath: "/x")
        #expect(LoopbackClient(local: path, remote: path) == nil)
    }
}
