import OverlayCore
import OverlayWire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension DatagramSocket {
    /// The most packets that one write holds: `UDP_MAX_SEGMENTS` of every Linux that has the offload.
    static let maxSegments = 64

    /// Hands the packets of `transmit`, which stand one behind the other in `bytes`, to the kernel in one call. What
    /// the kernel does not take beside bytes is left out from then on.
    func send(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome {
        let outcome = sendBatch(bytes, transmit)
        guard carriesMarks, transmit.ecn != .notECT, Self.isRefusal(outcome) else { return outcome }
        carriesMarks = false
        return sendBatch(bytes, transmit)
    }

    private func sendBatch(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome {
        let isBatch = transmit.segmentSize < bytes.count
        guard isBatch, offloadsSegmentation else { return sendEach(bytes, transmit) }
        let outcome = sendMessage(bytes, to: transmit.destination, ecn: transmit.ecn, segmentSize: transmit.segmentSize)
        guard Self.isRefusal(outcome) else { return outcome }
        let single = sendEach(bytes, transmit)
        // Only then the offload is to blame: some kernels say EINVAL of segments that are larger than the interface
        // takes, and whatever else is wrong is wrong with single packets too.
        if single == .sent { offloadsSegmentation = false }
        return single
    }

    /// Whether the kernel refused what goes with the bytes. EIO: the device cannot checksum segments, or the route
    /// encrypts; EINVAL: the kernel or the route takes no segments (udp(7)); the others: it does not know the option.
    private static func isRefusal(_ outcome: SendOutcome) -> Bool {
        switch outcome {
        case .failed(EIO), .failed(EINVAL), .failed(EOPNOTSUPP), .failed(ENOPROTOOPT): true
        case .sent, .blocked, .tooLarge, .failed, .unbound: false
        }
    }

    private func sendEach(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome {
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + transmit.segmentSize, bytes.count)
            let packet = UnsafeRawBufferPointer(rebasing: bytes[offset..<end])
            let outcome = sendMessage(packet, to: transmit.destination, ecn: transmit.ecn, segmentSize: nil)
            // A batch that was begun counts as sent: recovery replaces what a full buffer swallowed.
            guard outcome == .sent else { return offset == 0 ? outcome : .sent }
            offset = end
        }
        return .sent
    }

    private func sendMessage(
        _ bytes: UnsafeRawBufferPointer,
        to destination: Endpoint,
        ecn: ECNCodepoint,
        segmentSize: Int?
    ) -> SendOutcome {
        let nameSize = RawSocketAddress.write(destination, to: name)
        let isIPv6 = nameSize == RawSocketAddress.sizeIPv6
        let controlSize = writeControl(ecn: ecn, isIPv6: isIPv6, segmentSize: segmentSize)
        var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
            var message = msghdr()
            message.msg_name = name.baseAddress
            message.msg_namelen = socklen_t(nameSize)
            message.msg_iov = vector
            message.msg_iovlen = 1
            if controlSize > 0 {
                message.msg_control = control.baseAddress
                message.msg_controllen = .init(controlSize)
            }
            while true {
                if sendmsg(descriptor, &message, 0) >= 0 { return .sent }
                switch errno {
                case EINTR: continue
                case EAGAIN, ENOBUFS: return .blocked
                case EMSGSIZE: return .tooLarge
                case let code: return .failed(code)
                }
            }
        }
    }

    /// Writes the control messages into ``control`` and returns how many bytes they take, 0 for none.
    private func writeControl(ecn: ECNCodepoint, isIPv6: Bool, segmentSize: Int?) -> Int {
        #if os(Linux)
        var size = 0
        if let segmentSize {
            size += writeControl(
                at: size,
                level: CInt(IPPROTO_UDP),
                type: udpSegment,
                UInt16(truncatingIfNeeded: segmentSize)
            )
        }
        if ecn != .notECT, carriesMarks {
            let level = CInt(isIPv6 ? IPPROTO_IPV6 : IPPROTO_IP)
            size += writeControl(at: size, level: level, type: isIPv6 ? IPV6_TCLASS : IP_TOS, CInt(ecn.rawValue))
        }
        return size
        #else
        return 0
        #endif
    }

    #if os(Linux)
    /// One `struct cmsghdr` and its value, padded to a word as CMSG_SPACE of cmsg(3) does.
    private func writeControl<Value: BitwiseCopyable>(at offset: Int, level: CInt, type: CInt, _ value: Value) -> Int {
        let headerSize = MemoryLayout<cmsghdr>.size
        var header = cmsghdr()
        header.cmsg_len = headerSize + MemoryLayout<Value>.size
        header.cmsg_level = level
        header.cmsg_type = type
        // Two messages of at most 16 + 8 bytes each fit into the 64 of `control`.
        control.storeBytes(of: header, toByteOffset: offset, as: cmsghdr.self)
        control.storeBytes(of: value, toByteOffset: offset + headerSize, as: Value.self)
        return headerSize + (MemoryLayout<Value>.size + 7) & ~7
    }
    #endif
}
