#ifndef C_RUNTIME_H
#define C_RUNTIME_H

/// Turns off the Swift runtime's checks of exclusive access in this process, for good.
///
/// SwiftNIO is compiled with these checks, and no setting of a package reaches its dependencies: they took an eighth of
/// the instructions of a request. Our own modules go without them in release, and all tests run with them. Does nothing
/// where the runtime has no such switch.
void skip_exclusivity_checks(void);

#endif
