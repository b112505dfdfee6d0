import Glibc

/// libFuzzer's loop over inputs: it calls `body` until the process ends, and returns the exit code.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ argumentCount: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// What the target of this process does with one input.
nonisolated(unsafe) private var target: ([UInt8]) -> Void = { _ in }

@c(LLVMFuzzerTestOneInput)
func fuzzOne(_ start: UnsafePointer<UInt8>?, _ byteCount: Int) -> CInt {
    target(Array(UnsafeBufferPointer(start: start, count: byteCount)))
    return 0
}

/// Runs `body` on the inputs that libFuzzer makes, as the options on the command line say, of which the first `count`
/// are somebody else's. A trap is a finding.
package func fuzz(droppingArguments count: Int, _ body: @escaping ([UInt8]) -> Void) -> Never {
    target = body
    var argumentCount = CommandLine.argc - CInt(count)
    var arguments = CommandLine.unsafeArgv + count
    arguments[0] = CommandLine.unsafeArgv[0]
    exit(runDriver(&argumentCount, &arguments, fuzzOne))
}
