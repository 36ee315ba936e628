#include "resolver/preflight.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "blockpage/authority.h"
#include "conf/load_tokens.h"
#include "resolver/encrypted_dns.h"
#include "resolver/upstream/forwarder.h"

namespace cenote {
namespace {

bool exists(const std::string& path) {
  std::error_code failed;
  return std::filesystem::exists(path, failed);
}

class Looker {
 public:
  Looker(const Settings& settings, WallTime now) : settings_(settings), now_(now) {}

  std::vector<Problem> look() && {
    if (!settings_.listen.dot.empty() || !settings_.listen.doh.empty()) {
      look_at_pair("tls", settings_.listen.tls, settings_.listen.tls.client_ca);
      look_at_key(settings_.state_dir + "/dns.key");
    }
    if (!settings_.control.https.empty()) {
      look_at_pair("control.tls", {settings_.control.certificate, settings_.control.key, "", ""},
                   settings_.control.client_ca);
    }
    for (const std::string& why : unusable_servers(settings_.upstream)) {
      warn("upstream", why + "; it would not be asked");
    }
    look_at_authority();
    look_at_events();
    look_at_tokens();
    return std::move(found_);
  }

 private:
  void warn(const std::string& where, const std::string& what) {
    found_.push_back({where, 0, 0, what, Problem::Severity::kWarning});
  }

  void look_at_pair(const std::string& where, const TlsFiles& files, const std::string& client_ca) {
    if (files.certificate.empty() || !exists(files.certificate) || !exists(files.key)) {
      return;  // self-signed, or said already
    }
    for (const std::string& what : {unusable(files, client_ca), untimely(files.certificate, now_)}) {
      if (!what.empty()) {
        warn(where, what);
      }
    }
  }

  // Of our own making.
  void look_at_key(const std::string& path) {
    if (exists(path) && access(path.c_str(), R_OK) != 0) {
      warn(path, std::strerror(errno));
    }
  }

  // One that is yet to be made is not made here.
  void look_at_authority() {
    const BlockpageSettings& page = settings_.blockpage;
    const bool is_there =
        exists(page.ca_certificate.empty() ? page.state_dir + "/ca.crt" : page.ca_certificate);
    if (page.https.empty() || !is_there) {
      return;
    }
    if (auto opened = Authority::open(page, now_); !opened) {
      warn("blockpage.ca", opened.error().message + "; the page over HTTPS would be off");
    }
  }

  void look_at_events() {
    const std::string& file = settings_.events.file;
    const std::string looked = exists(file) ? file : std::filesystem::path(file).parent_path().string();
    if (!file.empty() && access(looked.c_str(), W_OK) != 0) {
      warn("events.file", fmt::format("{}: {}; hits would be in memory alone", looked, std::strerror(errno)));
    }
  }

  // Root, who may look in the service's place, is not whom a file must belong to.
  void look_at_tokens() {
    if (geteuid() != 0) {
      for (const Problem& problem : load_tokens(settings_.control.tokens).problems) {
        found_.push_back(problem);
        found_.back().severity = Problem::Severity::kWarning;
      }
    }
  }

  const Settings& settings_;
  const WallTime now_;
  std::vector<Problem> found_;
};

}  // namespace

std::vector<Problem> look_at_files(const Settings& settings, WallTime now) {
  return Looker(settings, now).look();
}

}  // namespace cenote
