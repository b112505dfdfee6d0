import GatewayCore
import NIOCore
import OverlayNIO

/// How a plan becomes buffers. The hot path: no allocation, and an unchanged buffer is passed on as it is.
extension Gateway {
    /// Bytes of rewritten messages up to which they are copied into one buffer.
    static let coalescingLimit = 4096

    /// Sends what the plan says about `bytes`.
    func emit(_ bytes: ByteBuffer, to send: (ByteBuffer) -> Void) {
        switch scratch.plan.pieces.count {
        case 0: return
        case 1:
            if case .input(let range) = scratch.plan.pieces[0] {
                if range.count == bytes.readableBytes {
                    send(bytes)
                } else if let slice = bytes.slice(range) {
                    send(slice)
                }
                return
            }
        case _: break
        }
        let plan = scratch.plan
        // A rewritten head and a small body leave together; a large body stays where it is.
        if plan.byteCount <= Self.coalescingLimit {
            send(rewrites.take { plan.write(of: bytes, to: &$0) })
            return
        }
        for piece in plan.pieces {
            switch piece {
            case .replacement(let range): send(rewrites.take { $0.writeBytes(plan.replacements[range]) })
            case .input(let range):
                guard let slice = bytes.slice(range) else { continue }
                send(slice)
            }
        }
    }
}

extension ByteBuffer {
    /// The readable bytes at these offsets, not copied.
    fileprivate func slice(_ range: Range<Int>) -> ByteBuffer? {
        getSlice(at: readerIndex + range.lowerBound, length: range.count)
    }
}

extension ForwardPlan {
    /// Writes what is to be sent of `input` to `output`.
    fileprivate func write(of input: ByteBuffer, to output: inout ByteBuffer) {
        for piece in pieces {
            switch piece {
            case .replacement(let range): output.writeBytes(replacements[range])
            case .input(let range):
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: range.count) { target in
                    input.withUnsafeReadableBytes { target.copyMemory(from: .init(rebasing: $0[range])) }
                    return range.count
                }
            }
        }
    }
}
