import FuzzDriver
import FuzzSubjects
import Glibc

/// `postern-fuzz SUBJECT [options of libFuzzer]`: gives one subject what libFuzzer makes up. `postern-fuzz list` names
/// the subjects.
@main
enum FuzzProgram {
    static func main() {
        guard CommandLine.arguments.count > 1, let subject = FuzzSubject(named: CommandLine.arguments[1]) else {
            for subject in FuzzSubject.all { print(subject.name) }
            exit(CommandLine.arguments.dropFirst() == ["list"] ? 0 : 2)
        }
        fuzz(droppingArguments: 1, subject.receive)
    }
}
