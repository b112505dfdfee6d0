/// Where decrypted packets go: 64 KiB that one owner uses again and again. Each decryption overwrites the one before.
@safe
package final class Scratch {
    /// Bytes of the buffer: the largest UDP payload fits.
    package static let byteCount = 1 << 16

    private let base: UnsafeMutableRawPointer

    /// A zeroed buffer.
    package init() {
        unsafe base = .allocate(byteCount: Self.byteCount, alignment: 64)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.byteCount)
    }

    deinit {
        unsafe base.deallocate()
    }

    /// Runs `body` on the first `byteCount` bytes.
    package func withSpan<Result: ~Copyable, Failure: Error>(
        _ byteCount: Int,
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(byteCount >= 0 && byteCount <= Self.byteCount, "a span lies within the scratch buffer")
        // In bounds by the precondition; the memory lives as long as this object.
        let span = unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)
        return try body(span)
    }

    /// Runs `body` on the start of all ``byteCount`` bytes.
    @unsafe
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeMutablePointer<UInt8>) -> Result) -> Result {
        withExtendedLifetime(self) { unsafe body(base.assumingMemoryBound(to: UInt8.self)) }
    }
}
