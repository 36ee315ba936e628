#include "resolver/encrypted_dns.h"

#include <algorithm>
#include <array>

#include <unistd.h>

#include "resolver/base/log.h"
#include "resolver/net/certificate_file.h"
#include "resolver/net/self_signed.h"
#include "resolver/net/tls.h"

namespace cenote {
namespace {

// What a self-signed certificate is for: this host, and the addresses that it listens on.
std::vector<std::string> own_names(const ListenSettings& listen) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::vector<std::string> names{host.data(), "localhost"};
  for (const auto* addresses : {&listen.dot, &listen.doh}) {
    for (const SocketAddress& address : *addresses) {
      const std::string text = address.address().to_text();
      if (std::find(names.begin(), names.end(), text) == names.end()) {
        names.push_back(text);
      }
    }
  }
  return names;
}

Result<void> sign_ourselves(ListenSettings& listen, const std::string& state_dir) {
  auto pair = self_signed_pair(state_dir, own_names(listen), wall_now());
  if (!pair) {
    return pair.error().within("self-signed certificate");
  }
  log::warn(
      "tls: no certificate is configured; clients of listen.dot and listen.doh are shown the self-signed {}",
      pair->certificate_file);
  log::warn("tls: clients that check it need its pin: pin-sha256={}", pair->pin);
  listen.tls.certificate = pair->certificate_file;
  listen.tls.key = pair->key_file;
  return {};
}

void settle(SharedPart& part, std::vector<SocketAddress>& addresses, const std::string& why,
            const std::string& warning) {
  if (addresses.empty()) {
    return;
  }
  part.expect(why, warning);
  if (!why.empty() && !part.is_held()) {
    addresses.clear();
  }
}

}  // namespace

std::string unusable(const TlsFiles& files, const std::string& client_ca) {
  auto made =
      TlsContext::server(files.certificate, files.key, {}, nullptr, {.ca_file = client_ca, .demands = false});
  return made ? "" : made.error().message;
}

std::string untimely(const std::string& certificate_file, WallTime now) {
  const auto end = certificate_end(certificate_file);
  return end && *end <= now ? fmt::format("{}: expired on {}; clients that check it go away",
                                          certificate_file, to_rfc3339(*end))
                            : "";
}

void settle_encrypted_dns(ListenSettings& listen, const ListenSettings& serving, const std::string& state_dir,
                          SharedPart& dot, SharedPart& doh) {
  if (listen.dot.empty() && listen.doh.empty()) {
    return;
  }
  std::string why;
  if (listen.tls.certificate.empty()) {
    if (auto done = sign_ourselves(listen, state_dir); !done) {
      why = done.error().message;
      listen.tls.certificate = serving.tls.certificate;
      listen.tls.key = serving.tls.key;
    }
  }
  const auto problem = [&](const std::string& client_ca) {
    return why.empty() ? unusable(listen.tls, client_ca) : why;
  };
  const std::string warning = untimely(listen.tls.certificate, wall_now());
  settle(dot, listen.dot, problem(listen.tls.client_ca), warning);
  settle(doh, listen.doh, problem(""), warning);
}

}  // namespace cenote
