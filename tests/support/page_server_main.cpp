// The block page on free loopback ports, without a resolver: for the browser tests and for whoever changes
// the page's looks.   page_server STATE_DIR [ja,en] Hosts are CATEGORY.blocked.test; a few others show odd
// cases. Writes one JSON line with the ports, then serves until its standard input ends.
#include <csignal>
#include <cstdio>
#include <thread>

#include "blockpage/certificates.h"
#include "blockpage/site.h"
#include "resolver/base/text.h"
#include "resolver/net/http_server.h"
#include "resolver/net/tls.h"

using namespace cenote;

namespace {

class FixedIncidents final : public IncidentSource {
 public:
  std::optional<Incident> find(const IpAddress& client, const Name& host, Now time) override {
    if (!is_blocked(host)) {
      return std::nullopt;
    }
    const std::string text = host.to_text();
    const std::string category = text.substr(0, text.find('.'));
    Incident incident;
    incident.id = *IncidentId::from_text("7K4QW-9XM2D");
    incident.time = time.wall;
    incident.client = client;
    incident.host = host;
    incident.verdict.action = Action::kSinkhole;
    incident.verdict.match = MatchKind::kQuestion;
    incident.verdict.scope = Scope::kSuffix;
    incident.verdict.depth = 2;
    incident.verdict.matched = host;
    incident.verdict.feed = std::string_view("c2-intel");
    incident.verdict.category = std::string_view(category);
    incident.verdict.threat = std::string_view("Example family");
    incident.verdict.reference = std::string_view("https://intel.example/report/4711");
    if (category == "hostile") {
      incident.verdict.feed = std::string_view("<script>document.title='owned'</script>");
      incident.verdict.category = std::string_view("<img src=x>");
      incident.verdict.threat = std::string_view("\"><svg onload=alert(1)>\u202Egnp.exe\n{{{fact.host}}}");
      incident.verdict.reference = std::string_view("javascript:alert(1)");
    }
    return incident;
  }

  static bool is_blocked(const Name& host) { return host.is_at_or_below(*Name::from_text("blocked.test")); }
};

int refuse(const Error& error) {
  std::fprintf(stderr, "page_server: %s\n", error.message.c_str());
  return 1;
}

int serve(const BlockpageSettings& settings) {
  auto authority = Authority::open(settings, wall_now());
  if (!authority) {
    return refuse(authority.error());
  }
  auto page = Page::load(settings);
  if (!page) {
    return refuse(page.error());
  }
  Certificates certificates(std::move(*authority), FixedIncidents::is_blocked);
  auto tls = TlsContext::server(certificates, {"h2", "http/1.1"});
  if (!tls) {
    return refuse(tls.error());
  }
  FixedIncidents incidents;
  BlockSite site(settings, std::move(*page), incidents, [](const Event& /*event*/) {});
  Loop loop;
  HttpServer server(loop, site);
  const SocketAddress any_port = *SocketAddress::from_text("127.0.0.1:0");
  if (auto bound = server.listen(any_port); !bound) {
    return refuse(bound.error());
  }
  if (auto bound = server.listen(any_port, &*tls); !bound) {
    return refuse(bound.error());
  }
  std::printf("{\"http\":%u,\"https\":%u,\"ca\":\"%s\"}\n", server.local()[0].port(),
              server.local()[1].port(), certificates.authority().certificate_file().c_str());
  std::fflush(stdout);
  std::thread end([&loop] {
    while (std::getchar() != EOF) {
    }
    loop.stop();
  });
  loop.run();
  end.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: page_server STATE_DIR [LANGUAGE,...]\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): cannot fail for SIGPIPE
  BlockpageSettings settings;
  settings.state_dir = argv[1];
  settings.organisation = "Example K.K.";
  settings.contact_mail = "csirt@example.co.jp";
  settings.contact_phone = "+81-3-0000-0000";
  settings.contact_hours = "Mon-Fri 9:00-18:00 (JST)";
  if (argc > 2) {
    settings.languages.clear();
    for (const std::string_view tag : split(argv[2], ',')) {
      settings.languages.emplace_back(tag);
    }
  }
  return serve(settings);
}
