#include "resolver/upstream/lookup.h"

#include <stdexcept>

#include "resolver/base/log.h"
#include "resolver/dns/records.h"
#include "resolver/upstream/forwarder.h"

namespace cenote {
namespace {

// A loop of its own for two questions; it ends when both are answered.
class Lookup final : ResolutionEvents {
 public:
  std::vector<IpAddress> run(const UpstreamSettings& settings, const Name& name) {
    auto forwarder = Forwarder::make(loop_, settings, random_, *this);
    const auto zone = forwarder->zone_of(name);
    if (!zone) {
      return {};
    }
    loop_.post([&] {
      for (const uint16_t type : {rrtype::kA, rrtype::kAaaa}) {
        forwarder->resolve(*zone, {name, type, false, false}, type);
      }
    });
    loop_.run();
    return std::move(found_);
  }

 private:
  void on_resolved(uint64_t cookie, Resolution& resolution) override {
    if (resolution.answered && resolution.response.rcode == Rcode::kNoError) {
      take(resolution.response.message, cookie == rrtype::kA);
    }
    if (++answers_ == 2) {
      loop_.stop();
    }
  }
  void take(Bytes message, bool is_first) {
    RecordReader reader(message);
    RecordView record;
    std::vector<IpAddress> addresses;
    while (reader.next(record) && record.section == Section::kAnswer) {
      if (record.type == rrtype::kA || record.type == rrtype::kAaaa) {
        if (const auto address =
                IpAddress::from_bytes(message.subspan(record.rdata_offset, record.rdata_size))) {
          addresses.push_back(*address);
        }
      }
    }
    found_.insert(is_first ? found_.begin() : found_.end(), addresses.begin(), addresses.end());
  }

  Loop loop_;
  Random random_;
  int answers_ = 0;
  std::vector<IpAddress> found_;
};

}  // namespace

std::vector<IpAddress> look_up(const UpstreamSettings& settings, const std::string& host) {
  const auto name = Name::from_text(host);
  if (!name) {
    return {};
  }
  try {
    return Lookup().run(settings, *name);
  } catch (const std::runtime_error& error) {  // no descriptor is left for a loop
    log::error("{} cannot be looked up: {}", host, error.what());
    return {};
  }
}

}  // namespace cenote
