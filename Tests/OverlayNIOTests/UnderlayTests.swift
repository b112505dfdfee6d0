import Logging
import NIOCore
import NIOPosix
import OverlayWire
import Testing

@testable import OverlayCore
@testable import OverlayNIO

#if canImport(Glibc)
import Glibc
#endif

struct UnderlayTests {
    @Test(arguments: ["127.0.0.1", "::1"], [true, false])
    func `a batch arrives as single packets`(host: String, isOffloaded: Bool) throws {
        let receiver = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        if !isOffloaded { sender.offloadsSegmentation = false }
        let bytes = (0..<2500).map { UInt8(truncatingIfNeeded: $0) }
        let outcome = bytes.withUnsafeBytes { sender.send($0, transmit(to: receiver, 2500, segmentSize: 1000)) }
        #expect(outcome == .sent)
        #expect(receive(on: receiver) == Array(bytes[0..<1000]))
        #expect(receive(on: receiver) == Array(bytes[1000..<2000]))
        #expect(receive(on: receiver) == Array(bytes[2000..<2500]))
        #expect(receive(on: receiver) == nil)
    }

    @Test func `a batch that the kernel refuses to cut is sent packet by packet from then on`() throws {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let receiver = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        try #require(sender.offloadsSegmentation)
        // More segments than any kernel takes.
        let bytes = Array(repeating: UInt8(5), count: 400)
        let outcome = bytes.withUnsafeBytes { sender.send($0, transmit(to: receiver, 400, segmentSize: 2)) }
        #expect(outcome == .sent)
        #expect(!sender.offloadsSegmentation)
        var count = 0
        while let packet = receive(on: receiver) {
            #expect(packet == [5, 5])
            count += 1
        }
        #expect(count == 200)
    }

    @Test func `a packet that does not fit the interface is refused, and nothing is turned off for it`() throws {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let receiver = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        let offloads = sender.offloadsSegmentation
        // One byte more than IPv4 has room for, and loopback's MTU of 65 536 less its headers.
        let bytes = [UInt8](repeating: 7, count: OverlayNode.largestWrite + 2)
        for count in [bytes.count, OverlayNode.largestWrite + 1] {
            let outcome = bytes[..<count].withUnsafeBytes {
                sender.send($0, transmit(to: receiver, count, segmentSize: count))
            }
            #expect(outcome == .tooLarge)
        }
        #expect(sender.offloadsSegmentation == offloads)
        let largest = bytes[..<OverlayNode.largestWrite].withUnsafeBytes {
            sender.send($0, transmit(to: receiver, $0.count, segmentSize: $0.count))
        }
        #expect(largest == .sent)
    }

    // RFC 8899 §4.1
    @Test(arguments: [true, false])
    func `no packet is ever fragmented, and the kernel does not look for the path's size itself`(isIPv6: Bool) throws {
        let socket = try DatagramSocket(
            binding: SocketAddress(ipAddress: isIPv6 ? "::1" : "127.0.0.1", port: 0),
            bufferSize: 1 << 20
        )
        var value: CInt = -1
        var size = socklen_t(MemoryLayout<CInt>.size)
        let level = CInt(isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP)
        let option = isIPv6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER
        #expect(getsockopt(socket.descriptor, level, option, &value, &size) == 0)
        #expect(value == (isIPv6 ? IPV6_PMTUDISC_PROBE : IP_PMTUDISC_PROBE))
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a batch of large packets fills one write and one read`(host: String) throws {
        let receiver = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        let size = 7 * Node.maximumPacketSize
        try #require(size <= OverlayNode.largestWrite)
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 >> 8) }
        let outcome = bytes.withUnsafeBytes {
            sender.send($0, transmit(to: receiver, size, segmentSize: Node.maximumPacketSize))
        }
        #expect(outcome == .sent)
        for start in stride(from: 0, to: size, by: Node.maximumPacketSize) {
            #expect(receive(on: receiver) == Array(bytes[start..<start + Node.maximumPacketSize]))
        }
        #expect(receive(on: receiver) == nil)
    }

    @Test func `the socket that sends is the one that is bound to the source`() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let receiver = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        let underlay = try UDPUnderlay(
            binding: [address, address],
            bufferSize: 1 << 20,
            readsPerTurn: 1,
            on: group.next(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(Set(underlay.localAddresses).count == 2)
        #expect(underlay.reachable.map(\.base) == underlay.localAddresses)
        for source in underlay.localAddresses {
            var transmit = transmit(to: receiver, 1, segmentSize: 1)
            transmit.source = source
            #expect(([9] as [UInt8]).withUnsafeBytes { underlay.send($0, transmit) } == .sent)
            #expect(receiveSource(on: receiver) == source)
        }
        let foreign = transmit(to: receiver, 1, segmentSize: 1)
        #expect(([9] as [UInt8]).withUnsafeBytes { underlay.send($0, foreign) } == .unbound)
        #expect(receive(on: receiver) == nil)
    }

    /// Where the next packet comes from.
    private func receiveSource(on socket: DatagramSocket) -> Endpoint? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var byte: UInt8 = 0
        let count = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                recvfrom(socket.descriptor, &byte, 1, 0, $0.baseAddress, &size)
            }
        }
        return count == 1 ? withUnsafeBytes(of: storage) { Endpoint(rawIPv4: $0) } : nil
    }

    @Test func `a destination that cannot be reached harms nobody else`() throws {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 0)
        let receiver = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: address, bufferSize: 1 << 20)
        // Broadcast without permission: EACCES (ip(7)).
        let nowhere = Transmit(
            source: sender.localEndpoint,
            destination: .ipv4(address: 0xffff_ffff, port: 9),
            ecn: .notECT,
            byteCount: 4,
            segmentSize: 4
        )
        let bytes: [UInt8] = [1, 2, 3, 4]
        let refused = bytes.withUnsafeBytes { sender.send($0, nowhere) }
        guard case .failed(let code) = refused else {
            Issue.record("the kernel broadcast it: \(refused)")
            return
        }
        #expect(code != 0)
        #expect(bytes.withUnsafeBytes { sender.send($0, transmit(to: receiver, 4, segmentSize: 4)) } == .sent)
        #expect(receive(on: receiver) == bytes)
    }

    @Test(arguments: ["127.0.0.1:1", "10.1.2.3:65535", "[::1]:7", "[2001:db8:1:2:3:4:5:6]:4600"])
    func `endpoints become socket addresses and back`(text: String) throws {
        let endpoint = try #require(Endpoint(text))
        let address = try #require(endpoint.socketAddress)
        #expect(address.port == Int(text.split(separator: ":").last ?? ""))
        #expect(Endpoint(address) == endpoint)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: RawSocketAddress.capacity, alignment: 8)
        defer { memory.deallocate() }
        let start = try #require(memory.baseAddress)
        let size = RawSocketAddress.write(endpoint, to: memory)
        address.withSockAddr { pointer, nioSize in
            #expect(size == nioSize)
            #expect(memcmp(pointer, start, size) == 0)
        }
    }

    @Test func `a relayed conversation and a path have no UDP address`() throws {
        #expect(Endpoint.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(2))).socketAddress == nil)
        let path = try SocketAddress(unixDomainSocketPath: "/tmp/x")
        #expect(Endpoint(path) == nil)
    }

    @Test func `a socket on all addresses is offered under those that reach it from outside`() throws {
        let interfaces = try [
            "127.0.0.1:0", "10.0.0.2:0", "169.254.1.1:0", "[::1]:0", "[fe80::1]:0", "[2001:db8::5]:0",
        ]
        .map { try #require(Endpoint($0)) }
        let any4 = try #require(Endpoint("0.0.0.0:70"))
        let any6 = try #require(Endpoint("[::]:71"))
        let one = try #require(Endpoint("127.0.0.1:72"))
        #expect(LocalAddresses.endpoints(of: any4, interfaces: interfaces).map(\.description) == ["10.0.0.2:70"])
        #expect(LocalAddresses.endpoints(of: any6, interfaces: interfaces).map(\.description) == ["[2001:db8::5]:71"])
        #expect(LocalAddresses.endpoints(of: one, interfaces: interfaces) == [one])
        let alone = Array(interfaces.prefix(1))
        #expect(LocalAddresses.endpoints(of: any4, interfaces: alone).map(\.description) == ["127.0.0.1:70"])
    }

    @Test func `buffers are used again only when nobody holds them`() {
        var ring = BufferRing(count: 2, capacity: 16)
        let first = ring.take { $0.writeString("first") }
        _ = ring.take { $0.writeString("second") }
        let third = ring.take { $0.writeString("third") }
        #expect(String(buffer: first) == "first")
        #expect(String(buffer: third) == "third")
        let storage = ring.take { $0.writeString("a") }.withVeryUnsafeBytes { $0.baseAddress }
        _ = ring.take { $0.writeString("b") }
        #expect(ring.take { $0.writeString("c") }.withVeryUnsafeBytes { $0.baseAddress } == storage)
    }

    @Test(arguments: ["127.0.0.1", "::1"], [ECNCodepoint.notECT, .ect0, .ce])
    func `the mark of a packet arrives, alone and in a batch`(host: String, ecn: ECNCodepoint) throws {
        let receiver = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        let sender = try DatagramSocket(binding: SocketAddress(ipAddress: host, port: 0), bufferSize: 1 << 20)
        let isIPv6 = host.contains(":")
        var on: CInt = 1
        let level = CInt(isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP)
        let option = isIPv6 ? IPV6_RECVTCLASS : IP_RECVTOS
        try #require(setsockopt(receiver.descriptor, level, option, &on, socklen_t(MemoryLayout<CInt>.size)) == 0)
        let bytes = [UInt8](repeating: 3, count: 900)
        for segmentSize in [900, 300] {
            let transmit = transmit(to: receiver, bytes.count, segmentSize: segmentSize, ecn: ecn)
            #expect(bytes.withUnsafeBytes { sender.send($0, transmit) } == .sent)
            for _ in 0..<900 / segmentSize { #expect(receiveMark(on: receiver, isIPv6: isIPv6) == ecn.rawValue) }
        }
        #expect(sender.carriesMarks)
    }

    /// The ECN bits of the next packet; nil when there is none.
    private func receiveMark(on socket: DatagramSocket, isIPv6: Bool) -> UInt8? {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 8)
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 8)
        defer {
            bytes.deallocate()
            control.deallocate()
        }
        var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) { vector -> UInt8? in
            var message = msghdr()
            message.msg_iov = vector
            message.msg_iovlen = 1
            message.msg_control = control.baseAddress
            message.msg_controllen = .init(control.count)
            guard recvmsg(socket.descriptor, &message, 0) >= 0 else { return nil }
            let header = control.load(as: cmsghdr.self)
            guard header.cmsg_type == (isIPv6 ? IPV6_TCLASS : IP_TOS) else { return nil }
            // One byte of IPv4, a whole integer of IPv6; little endian here, so the first byte has the bits.
            return control[MemoryLayout<cmsghdr>.size] & 3
        }
    }

    private func transmit(
        to receiver: DatagramSocket,
        _ byteCount: Int,
        segmentSize: Int,
        ecn: ECNCodepoint = .notECT
    ) -> Transmit {
        // A socket sends from where it is bound, whatever the source says.
        Transmit(
            source: receiver.localEndpoint,
            destination: receiver.localEndpoint,
            ecn: ecn,
            byteCount: byteCount,
            segmentSize: segmentSize
        )
    }

    /// The next packet, or nil when there is none; loopback delivers before the sender's call returns.
    private func receive(on socket: DatagramSocket) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket.descriptor, &bytes, bytes.count, 0)
        return count >= 0 ? Array(bytes[..<count]) : nil
    }
}
