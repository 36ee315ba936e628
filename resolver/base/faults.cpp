#include "resolver/base/faults.h"

#include "resolver/base/log.h"

namespace cenote {
namespace {

struct Words {
  std::string_view key;
  std::string_view text;  // for people
};
constexpr std::array<Words, kParts> kWords{{{"dot", "DNS over TLS"},
                                            {"doh", "DNS over HTTPS"},
                                            {"page_https", "the block page over HTTPS"},
                                            {"control_https", "the control API over HTTPS"},
                                            {"tokens", "the control API's tokens"},
                                            {"event_file", "the event file"},
                                            {"secrets", "cookie.key and incident.key"},
                                            {"state", "changes of policy"},
                                            {"upstreams", "upstream servers"},
                                            {"hosts", "the names of names.hosts"},
                                            {"audit", "the record of changes"}}};

size_t index_of(Part part) noexcept {
  return static_cast<size_t>(part);
}

}  // namespace

std::string_view to_text(Part part) noexcept {
  return kWords[index_of(part)].key;
}

// The same again is not said again.
void Faults::set(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  std::optional<Fault>& known = of_part_[index_of(fault.part)];
  if (known != fault) {
    known = fault;
    log::error("{}: {}: {}", kWords[index_of(fault.part)].text, fault.is_off ? "off" : "not as configured",
               fault.why);
  }
}

void Faults::clear(Part part) {
  const std::lock_guard lock(mutex_);
  if (of_part_[index_of(part)]) {
    of_part_[index_of(part)].reset();
    log::info("{}: works again", kWords[index_of(part)].text);
  }
}

bool Faults::is_off(Part part) const {
  const std::lock_guard lock(mutex_);
  return of_part_[index_of(part)] && of_part_[index_of(part)]->is_off;
}

std::vector<Fault> Faults::all() const {
  std::vector<Fault> faults;
  const std::lock_guard lock(mutex_);
  for (const std::optional<Fault>& fault : of_part_) {
    if (fault) {
      faults.push_back(*fault);
    }
  }
  return faults;
}

}  // namespace cenote
