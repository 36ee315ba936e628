#include "blockpage/site.h"

#include <algorithm>
#include <utility>

#include "blockpage/small_answer.h"
#include "blockpage/wanted.h"

namespace cenote {
namespace {

// Beacons post what they have stolen: it is read, so that the answer arrives, and thrown away.
constexpr size_t kMaxBody = 64 * 1024;

class Discarded final : public HttpBodySink {
  bool take(Bytes /*piece*/) override { return true; }
};

// A host that can stand in a DNS question as it is written; escapes are for zone files, not for URLs.
std::optional<Name> host_of(const HttpRequest& request) {
  return request.host.find('\\') == std::string::npos ? Name::from_text(request.host) : std::nullopt;
}

Event shown_event(const HttpRequest& request, const Incident& incident, WallTime time) {
  Event event;
  event.time = time;
  event.client = request.client;
  event.transport = request.over_tls ? Transport::kHttps : Transport::kHttp;
  event.name = incident.host;
  event.incident = incident.id;
  event.verdict = incident.verdict;
  return event;
}

}  // namespace

BlockSite::BlockSite(const BlockpageSettings& settings, Page page, IncidentSource& incidents, OnShown shown,
                     Now (*clock)())
    : settings_(settings),
      page_(std::move(page)),
      incidents_(incidents),
      shown_(std::move(shown)),
      clock_(clock),
      discarded_(std::make_shared<Discarded>()) {}

size_t BlockSite::body_limit(const HttpRequest& /*head*/) const {
  return kMaxBody;
}

std::shared_ptr<HttpBodySink> BlockSite::body_sink(const HttpRequest& /*head*/) const {
  return discarded_;
}

void BlockSite::serve(HttpRequest request, HttpResponder responder) {
  const Now time = clock_();
  const std::optional<Name> host = host_of(request);
  std::optional<Incident> incident;
  if (host) {
    incident = incidents_.find(request.client.address(), *host, time);
  }
  if (!incident) {
    not_blocked_.add();
    responder.respond(page_.elsewhere(language_of(request)));
    return;
  }
  responder.respond(explain(request, *incident, time));
}

HttpResponse BlockSite::explain(const HttpRequest& request, const Incident& incident, Now time) {
  const Wanted wanted = what_is_wanted(request);
  if (wanted != Wanted::kPage) {
    small_answers_.add();
    return small_answer(wanted, incident, settings_);
  }
  if (request.method != "HEAD") {  // nobody sees the page of a HEAD
    pages_.add();
    shown_(shown_event(request, incident, time.wall));
  }
  return page_.blocked(incident, language_of(request));
}

// The link on the page ("?lang=en") beats the browser's setting: it was clicked.
size_t BlockSite::language_of(const HttpRequest& request) const {
  const std::vector<std::string>& tags = page_.languages();
  if (const std::optional<std::string> chosen = request.parameter("lang")) {
    const auto found = std::find(tags.begin(), tags.end(), *chosen);
    if (found != tags.end()) {
      return static_cast<size_t>(found - tags.begin());
    }
  }
  return choose_language(request.header("accept-language"), tags);
}

}  // namespace cenote
