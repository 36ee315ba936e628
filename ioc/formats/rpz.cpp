// Response policy zones as files (draft-vixie-dnsop-dns-rpz). Lines are joined and directives decided here;
// ldns reads every record. $INCLUDE would read files of this machine and $GENERATE would fill its memory:
// both are refused before ldns sees a byte.
#include <algorithm>
#include <array>
#include <optional>

#include "ioc/byte_set.h"
#include "ioc/formats/formats.h"
#include "resolver/base/text.h"
#include "resolver/dns/rr.h"
#include "resolver/dns/types.h"

namespace cenote {
namespace {

constexpr size_t kMaxRecordBytes = 64 * 1024;  // of one record in parentheses

// Parts of the zone itself, not of the policy.
bool is_of_the_zone(uint16_t type) noexcept {
  constexpr std::array<uint16_t, 11> kTypes{rrtype::kSoa,
                                            rrtype::kNs,
                                            rrtype::kDname,
                                            rrtype::kDs,
                                            rrtype::kRrsig,
                                            rrtype::kNsec,
                                            rrtype::kNsec3,
                                            48 /* DNSKEY */,
                                            51 /* NSEC3PARAM */,
                                            59 /* CDS */,
                                            60 /* CDNSKEY */};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

std::string_view last_label(std::string_view name) noexcept {
  return name.substr(name.rfind('.') + 1);
}

// "24.0.2.0.192.rpz-ip" -> "192.0.2.0/24"; IPv6 has "zz" for "::". Empty: not of that form.
std::string address_of_trigger(std::string_view trigger) {
  std::vector<std::string_view> labels = split(trigger, '.');
  labels.pop_back();  // rpz-ip
  if (labels.size() < 2) {
    return {};
  }
  const std::string length(labels.front());
  labels.erase(labels.begin());
  std::reverse(labels.begin(), labels.end());
  const bool v4 = labels.size() == 4 && std::find(labels.begin(), labels.end(), "zz") == labels.end();
  std::string text;
  for (size_t i = 0; i < labels.size(); ++i) {
    const bool gap = !v4 && labels[i] == "zz";
    text += i == 0 ? "" : v4 ? "." : ":";
    text += gap ? "" : labels[i];
    text += gap && (i == 0 || i + 1 == labels.size()) ? ":" : "";
  }
  return text + "/" + length;
}

class Rpz : public LineFormat {
 public:
  explicit Rpz(Intake& intake) : LineFormat(intake), reader_(Name()) {
    if (const auto origin = Name::from_text(intake.options().origin)) {
      set_zone(*origin);
    }
  }

 protected:
  void read_line(std::string_view line) override {
    if (depth_ == 0 && line.starts_with('$')) {
      read_directive(line);
      return;
    }
    append(line);
    if (record_.size() > kMaxRecordBytes) {
      intake_.reject(line, Reason::kBadRecord);
      record_.clear();
      depth_ = 0;
    } else if (depth_ == 0) {
      if (!is_comment(record_, "#")) {
        read_record(line);
      }
      record_.clear();
    }
  }

  void read_end() override {
    if (depth_ != 0) {
      intake_.reject(record_, Reason::kBadRecord);
    }
  }

 private:
  // Adds a line to the record without its comment; parentheses join lines (RFC 1035 section 5.1).
  void append(std::string_view line) {
    bool quoted = false;
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '\\' && i + 1 < line.size()) {
        record_ += c;
        record_ += line[++i];
        continue;
      }
      quoted = quoted != (c == '"');
      if (!quoted && c == ';') {
        break;
      }
      if (!quoted && (c == '(' || c == ')')) {
        depth_ = c == '(' ? depth_ + 1 : std::max(depth_ - 1, 0);
        record_ += ' ';
        continue;
      }
      record_ += c;
    }
    if (depth_ > 0) {
      record_ += ' ';
    }
  }

  void read_directive(std::string_view line) {
    std::string_view rest = line.substr(0, line.find(';'));
    const std::string_view directive = next_word(rest);
    if (equal_ignoring_case(directive, "$INCLUDE")) {
      intake_.reject(line, Reason::kIncludeRefused);
    } else if (equal_ignoring_case(directive, "$GENERATE")) {
      intake_.reject(line, Reason::kGenerateRefused);
    } else if (equal_ignoring_case(directive, "$ORIGIN")) {
      read_origin(line, next_word(rest));
    } else if (!equal_ignoring_case(directive, "$TTL")) {
      intake_.reject(line, Reason::kBadRecord);
    }
  }

  void read_origin(std::string_view line, std::string_view text) {
    const bool absolute = text.ends_with('.');
    const auto origin = Name::from_text(
        absolute || origin_.is_root() ? std::string(text) : std::string(text) + "." + origin_.to_text());
    if (!origin) {
      intake_.reject(line, Reason::kBadRecord);
    } else if (!zone_) {
      set_zone(*origin);
    } else {
      set_origin(*origin);
    }
  }

  void set_origin(const Name& origin) {
    origin_ = origin;
    origin_text_ = origin.to_text();
    reader_.set_origin(origin);
  }

  void set_zone(const Name& zone) {
    set_origin(zone);
    if (!zone.is_root()) {
      zone_ = zone;
      zone_text_ = "." + zone.to_text();
    }
  }

  // Nearly every line of a policy is "OWNER [TTL] [IN] CNAME TARGET" in plain characters, which needs no
  // parser of all records. False: not of that form, or not surely so.
  bool read_plain_cname(ZoneRecord& out) {
    constexpr ByteSet kOdd("\"\\;()@$\r");
    std::string_view rest = record_;
    if (rest.empty() || rest[0] == ' ' || rest[0] == '\t' || kOdd.find_in(rest) != std::string_view::npos) {
      return false;
    }
    const std::string_view owner = next_word(rest);
    std::string_view word = next_word(rest);
    constexpr uint64_t kMostTtl = 999'999'999;
    bool has_ttl = false;
    bool has_class = false;
    while ((!has_ttl && (has_ttl = parse_number(word, kMostTtl).has_value())) ||
           (!has_class && (has_class = equal_ignoring_case(word, "IN")))) {
      word = next_word(rest);
    }
    const std::string_view target = next_word(rest);
    if (!equal_ignoring_case(word, "CNAME") || target.empty() || !next_word(rest).empty()) {
      return false;
    }
    out.type = rrtype::kCname;
    return absolute(owner, out.owner) && absolute(target, out.target);
  }

  bool absolute(std::string_view text, Name& out) {
    if (!text.ends_with('.') && !origin_.is_root()) {
      text_.assign(text).append(1, '.').append(origin_text_);
      text = text_;
    }
    const auto name = Name::from_text(text);
    out = name.value_or(Name());
    return name.has_value();
  }

  // A blank in front repeats the last owner, which the reader knows only if it read it.
  bool read_any(ZoneRecord& out) {
    if (read_plain_cname(out)) {
      unread_owner_ = out.owner;
      return true;
    }
    if (unread_owner_ && !record_.empty() && (record_[0] == ' ' || record_[0] == '\t')) {
      record_.insert(0, unread_owner_->to_text() + '.');
    }
    unread_owner_.reset();
    return reader_.read(record_, out);
  }

  void read_record(std::string_view line) {
    ZoneRecord record;
    if (!read_any(record)) {
      intake_.reject(line, Reason::kBadRecord);
      return;
    }
    if (is_of_the_zone(record.type)) {
      // A zone as dumped by a transfer says its name only here.
      if (record.type == rrtype::kSoa && !zone_) {
        set_zone(record.owner);
      }
      return;
    }
    if (zone_ && !record.owner.is_at_or_below(*zone_)) {
      intake_.reject(line, Reason::kOutOfZone);
      return;
    }
    const std::string trigger = within_zone(record.owner);
    Indicator indicator;
    indicator.scope = intake_.scope_or(Scope::kExact);
    if (const Reason reason = read_action(record, trigger, indicator); reason != Reason::kNone) {
      intake_.reject(line, reason);
      return;
    }
    read_trigger(line, trigger, indicator);
  }

  // The name without the zone's own at its end; "." for the zone itself.
  [[nodiscard]] std::string within_zone(const Name& name) const {
    std::string text = name.to_text();
    if (!zone_ || !name.is_at_or_below(*zone_)) {
      return text;
    }
    return name == *zone_ ? "." : text.substr(0, text.size() - zone_text_.size());
  }

  [[nodiscard]] Reason read_action(const ZoneRecord& record, const std::string& trigger,
                                   Indicator& indicator) const {
    if (record.type != rrtype::kCname || record.target.is_root()) {
      return Reason::kNone;  // local data, or NXDOMAIN: a block, and the feed's own action says how
    }
    const std::string target = record.target.to_text();
    if (target == "*") {
      indicator.action = Action::kNodata;
    } else if (target == "rpz-drop") {
      indicator.action = Action::kDrop;
    } else if (target == "rpz-passthru" || target == trigger || record.target == record.owner) {
      indicator.allow = true;  // the last two are the form of before rpz-passthru
    } else if (target == "rpz-tcp-only") {
      return Reason::kUnsupportedAction;
    } else if (last_label(target).starts_with("rpz-") ||
               last_label(within_zone(record.target)).starts_with("rpz-")) {
      return Reason::kBadAction;
    }
    return Reason::kNone;
  }

  void read_trigger(std::string_view line, const std::string& trigger, Indicator& indicator) {
    const std::string_view kind = last_label(trigger);
    if (kind == "rpz-ip") {
      const std::string address = address_of_trigger(trigger);
      if (address.empty()) {
        intake_.reject(line, Reason::kWeirdIp);
      } else {
        intake_.address(address, indicator);
      }
    } else if (kind == "rpz-client-ip" || kind == "rpz-nsip" || kind == "rpz-nsdname") {
      intake_.reject(line, Reason::kUnsupportedTrigger);
    } else {
      constexpr Forms kForms{.address = true, .stars = true, .star = Scope::kBelow};
      intake_.field(trigger, kForms, indicator);
    }
  }

  ZoneRecordReader reader_;
  Name origin_;
  std::optional<Name> zone_;
  std::string zone_text_;  // with a dot in front
  std::string origin_text_;
  std::optional<Name> unread_owner_;  // of the last record, when the reader did not see it
  std::string text_;
  std::string record_;
  int depth_ = 0;  // open parentheses
};

}  // namespace

std::unique_ptr<Stage> make_rpz(Intake& intake) {
  return std::make_unique<Rpz>(intake);
}

}  // namespace cenote
