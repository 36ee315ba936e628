#include "resolver/query/rebinding_guard.h"

#include <algorithm>
#include <array>

#include "resolver/dns/records.h"
#include "resolver/policy/embedded_address.h"

namespace cenote {
namespace {

// An upstream that is a Cenote, too, leads to our block page: that is no attack. One that is on the client's
// own machine is no page for others.
bool is_block_page(const IpAddress& address, const Policy& policy) noexcept {
  return policy.is_own_address(address) && !is_loopback(address);
}

}  // namespace

bool is_inner(const IpAddress& address) noexcept {
  // Fewer than is_global() leaves out: what leads to nobody (documentation, multicast) attacks nobody.
  static const auto kInner = [] {
    std::array<Prefix, 12> blocks;
    size_t i = 0;
    for (const char* text :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.168.0.0/16", "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10"}) {
      blocks[i++] = *Prefix::from_text(text);
    }
    return blocks;
  }();
  const auto is_in_block = [](const IpAddress& meant) {
    return std::any_of(kInner.begin(), kInner.end(),
                       [&](const Prefix& block) { return block.contains(meant); });
  };
  // Behind a translator 64:ff9b::10.0.0.1 is 10.0.0.1, which RFC 6052 section 3.1 forbids and a translator
  // may do all the same.
  const auto inside = embedded_v4(address);
  return is_in_block(address) || (inside && is_in_block(*inside));
}

bool is_nowhere(const IpAddress& address) noexcept {
  static const std::array kNowhere{*IpAddress::from_text("0.0.0.0"), *IpAddress::from_text("::")};
  const auto is_one = [](const IpAddress& meant) {
    return std::find(kNowhere.begin(), kNowhere.end(), meant) != kNowhere.end();
  };
  const auto inside = embedded_v4(address);
  return is_one(address) || (inside && is_one(*inside));
}

LeadsTo leads_to(Bytes message, const Name& question, const Policy& policy) noexcept {
  bool found_inside = false;
  bool found_nowhere = false;
  bool found_outside = false;
  const auto look_at = [&](Bytes bytes) {
    const auto address = IpAddress::from_bytes(bytes);
    if (!address || !is_inner(*address) || is_block_page(*address, policy)) {
      found_outside = true;
    } else {
      (is_nowhere(*address) ? found_nowhere : found_inside) = true;
    }
  };
  RecordReader reader(message, question);
  RecordView record;
  while (!found_inside && reader.next(record) && record.section == Section::kAnswer) {
    if (record.type == rrtype::kA || record.type == rrtype::kAaaa) {
      look_at(message.subspan(record.rdata_offset, record.rdata_size));
    } else if (record.type == rrtype::kHttps || record.type == rrtype::kSvcb) {
      read_service_binding(
          message, record, [](const Name&) {}, look_at);
    }
  }
  // Beside another address it is no filter's answer: a page that is loaded from the one can reach the other.
  const bool is_attack = found_inside || (found_nowhere && found_outside);
  return is_attack ? LeadsTo::kInside : found_nowhere ? LeadsTo::kNowhere : LeadsTo::kOutside;
}

void RebindingGuard::reload(const RebindingSettings& settings, const ServerPool& pool, uint32_t number) {
  settings_ = settings;
  settings_number_ = static_cast<uint16_t>(number % AnswerCache::Entry::Findings::kMostSettings + 1);
  connect(pool);
}

void RebindingGuard::connect(const ServerPool& pool) {
  using Guard = RebindingSettings::Guard;
  if (covered_zone_ != kNoZone && !pool.zone_with(static_cast<uint32_t>(covered_zone_))) {
    covered_before_.push_back(covered_zone_);
  }
  covered_zone_ = kNoZone;
  for (uint16_t zone = 0; zone < pool.zone_count(); ++zone) {
    const std::vector<uint16_t>& servers = pool.servers_of(zone);
    const bool is_outside = std::all_of(servers.begin(), servers.end(), [&](uint16_t server) {
      return !is_inner(pool.server(server).address.address());
    });
    if (pool.zone_name(zone).is_root() &&
        (settings_.guard == Guard::kOn || (settings_.guard == Guard::kAuto && is_outside))) {
      covered_zone_ = pool.zone_number(zone);
    }
  }
}

bool RebindingGuard::was_covered(uint32_t zone) const noexcept {
  return std::find(covered_before_.begin(), covered_before_.end(), zone) != covered_before_.end();
}

LeadsTo RebindingGuard::judge(const Name& name, Bytes answer, const Policy& policy,
                              AnswerCache::Entry::Findings& findings) const noexcept {
  auto place = findings.leads_to(settings_number_);
  if (!place) {
    place = leads_to(answer, name, policy);
    findings.set_leads_to(settings_number_, *place);
  }
  const bool may_lead_anywhere =
      *place != LeadsTo::kOutside &&
      std::any_of(settings_.allow.begin(), settings_.allow.end(),
                  [&](const Name& allowed) { return name.is_at_or_below(allowed); });
  return may_lead_anywhere ? LeadsTo::kOutside : *place;
}

}  // namespace cenote
