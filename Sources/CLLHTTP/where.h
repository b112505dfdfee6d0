// Where llhttp comes from. `libllhttp-dev` installs a header and a library, and the manifest defines
// POSTERN_LLHTTP_LIBRARY and links it. Debian 12 has no such package and ships the sources in `node-llhttp`.

#if defined(POSTERN_LLHTTP_LIBRARY)
#define POSTERN_LLHTTP_IS_LIBRARY 1
#elif __has_include("/usr/share/llhttp/llhttp.c")
#define POSTERN_LLHTTP_IS_LIBRARY 0
#else
#error "llhttp is missing: install libllhttp-dev, or node-llhttp on Debian 12"
#endif
