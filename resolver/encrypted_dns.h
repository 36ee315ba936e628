// What DNS over TLS and DNS over HTTPS show their clients. A certificate that cannot be used turns these two
// off, and nothing else. Start-up and reload only.
#pragma once

#include <string>

#include "resolver/base/clock.h"
#include "resolver/base/shared_part.h"
#include "resolver/listen/settings.h"

namespace cenote {

// Why the pair cannot be shown over TLS to clients of which `client_ca` (or nobody, if empty) may vouch;
// empty: it can.
std::string unusable(const TlsFiles& files, const std::string& client_ca);
// What clients that check a certificate would say of its time; empty: nothing.
std::string untimely(const std::string& certificate_file, WallTime now);

// Puts the self-signed pair of `state_dir` into listen.tls where none is configured, or that of `serving`
// where none can be made. Empties listen.dot and listen.doh where nothing can be shown, unless a worker has
// them: those go on with what they have. `dot` and `doh` hear of it, and expect each worker to tell whether
// it has them.
void settle_encrypted_dns(ListenSettings& listen, const ListenSettings& serving, const std::string& state_dir,
                          SharedPart& dot, SharedPart& doh);

}  // namespace cenote
