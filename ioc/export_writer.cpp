#include "ioc/export_writer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "ioc/export.h"
#include "resolver/base/text.h"

namespace cenote {
namespace {

bool covers_name(Scope scope) {
  return scope != Scope::kBelow;
}
bool covers_below(Scope scope) {
  return scope != Scope::kExact;
}

// Texts from a feed as one field of a line.
std::string field(std::string_view text) {
  std::string clean = printable(text, 200);
  std::replace(clean.begin(), clean.end(), '\t', ' ');
  return clean.empty() ? "-" : clean;
}

// "192.0.2.0/24" as "24.0.2.0.192.rpz-ip"; IPv6 groups from the right, "zz" for "::".
std::string rpz_ip(const Prefix& block) {
  std::string text = block.address.to_text();
  std::vector<std::string> groups;
  if (const size_t gap = text.find("::"); gap != std::string::npos) {
    text.replace(gap, 2, ":zz:");
  }
  for (const std::string_view group : split(text, block.address.is_v4() ? '.' : ':')) {
    if (!group.empty()) {
      groups.emplace_back(group);
    }
  }
  std::string owner = std::to_string(block.length);
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    owner += '.' + *group;
  }
  return owner + ".rpz-ip";
}

class Rpz final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (covers_name(entry.scope)) {
      add(name, target(entry.action));
    }
    if (covers_below(entry.scope)) {
      add("*." + name, target(entry.action));
    }
    return true;
  }
  bool block(const Prefix& block, const ExportEntry& entry) override {
    add(rpz_ip(block), target(entry.action));
    return true;
  }
  void exception(const std::string& name, bool is_exact) override {
    add(name, "rpz-passthru.");
    if (!is_exact) {
      add("*." + name, "rpz-passthru.");
    }
  }
  std::string comment(const std::string& text) override { return "; " + text + '\n'; }
  std::string finish(const std::string& head, uint64_t serial) override {
    return head +
           fmt::format("$TTL 30\n@ SOA localhost. root.localhost. {} 3600 600 86400 30\n@ NS localhost.\n",
                       serial) +
           lines;
  }

 private:
  static std::string_view target(Action action) {
    return action == Action::kNodata ? "*." : action == Action::kDrop ? "rpz-drop." : ".";
  }
  void add(const std::string& owner, std::string_view target) {
    fmt::format_to(std::back_inserter(lines), "{} CNAME {}\n", owner, target);
  }
};

// A name or "*.name", one a line, and addresses.
class Plain final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    lines += (entry.scope == Scope::kSuffix ? "*." : "") + name + '\n';
    return true;
  }
  bool block(const Prefix& block, const ExportEntry&) override {
    lines += block.to_text() + '\n';
    return true;
  }
};

class Hosts final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    lines += "0.0.0.0 " + name + '\n';
    return true;
  }
  bool block(const Prefix&, const ExportEntry&) override { return false; }
};

class Adblock final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    lines += entry.scope == Scope::kExact ? name + '\n' : "||" + name + "^\n";
    return true;
  }
  bool block(const Prefix&, const ExportEntry&) override { return false; }
  void exception(const std::string& name, bool is_exact) override {
    lines += is_exact ? "" : "@@||" + name + "^\n";
  }
  std::string comment(const std::string& text) override { return "! " + text + '\n'; }
};

// Each a statement of a resolver's configuration for a name with all below it.
class Statement final : public ExportWriter {
 public:
  Statement(std::string_view before, std::string_view after) : before_(before), after_(after) {}
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (entry.scope != Scope::kSuffix) {
      return false;
    }
    lines.append(before_).append(name).append(after_);
    return true;
  }
  bool block(const Prefix&, const ExportEntry&) override { return false; }

 private:
  std::string_view before_;
  std::string_view after_;
};

// acl bad dstdomain "FILE"
class Squid final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    lines += (entry.scope == Scope::kSuffix ? "." : "") + name + '\n';
    return true;
  }
  bool block(const Prefix&, const ExportEntry&) override { return false; }
};

// nft -f FILE
class Nftables final : public ExportWriter {
 public:
  bool name(const std::string&, const ExportEntry&) override { return false; }
  bool block(const Prefix& block, const ExportEntry&) override {
    std::string& list = block.address.is_v4() ? v4_ : v6_;
    list += "      " + block.to_text() + ",\n";
    return true;
  }
  std::string finish(const std::string& head, uint64_t) override {
    return head + "table inet cenote {\n" + set("indicators4", "ipv4_addr", v4_) +
           set("indicators6", "ipv6_addr", v6_) + "}\n";
  }

 private:
  static std::string set(std::string_view name, std::string_view type, const std::string& elements) {
    return fmt::format("  set {} {{\n    type {}\n    flags interval\n    auto-merge\n{}  }}\n", name, type,
                       elements.empty() ? "" : "    elements = {\n" + elements + "    }\n");
  }
  std::string v4_;
  std::string v6_;
};

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (i + j < text.size() ? static_cast<uint8_t>(text[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j <= text.size() ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

// A dataset: dns.query; dataset:isset,cenote,type string,load FILE. It has no comments.
class Suricata final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    lines += base64(name) + '\n';
    return true;
  }
  bool block(const Prefix&, const ExportEntry&) override { return false; }
  std::string comment(const std::string&) override { return {}; }
};

// Intel::read_files += { "FILE" }
class Zeek final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (!covers_name(entry.scope)) {
      return false;
    }
    row(name, "Intel::DOMAIN", entry);
    return true;
  }
  bool block(const Prefix& block, const ExportEntry& entry) override {
    const bool is_one = block.length == (block.address.is_v4() ? 32 : 128);
    row(block.to_text(), is_one ? "Intel::ADDR" : "Intel::SUBNET", entry);
    return true;
  }
  std::string comment(const std::string&) override { return {}; }
  std::string finish(const std::string&, uint64_t) override {
    return "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url\n" + lines;
  }

 private:
  void row(const std::string& indicator, std::string_view type, const ExportEntry& entry) {
    const std::string threat =
        entry.threat.empty() ? field(entry.category) : field(entry.category) + ": " + field(entry.threat);
    fmt::format_to(std::back_inserter(lines), "{}\t{}\t{}\t{}\t{}\n", indicator, type, field(entry.feed),
                   threat, field(entry.reference));
  }
};

// smtpd_sender_restrictions = check_sender_access hash:FILE
class Postfix final : public ExportWriter {
 public:
  bool name(const std::string& name, const ExportEntry& entry) override {
    if (covers_name(entry.scope)) {
      add(name, entry);
    }
    if (covers_below(entry.scope)) {
      add("." + name, entry);
    }
    return true;
  }
  bool block(const Prefix& block, const ExportEntry& entry) override {
    if (block.length != (block.address.is_v4() ? 32 : 128)) {
      return false;  // a hash map knows addresses, not blocks
    }
    add(block.address.to_text(), entry);
    return true;
  }

 private:
  void add(const std::string& key, const ExportEntry& entry) {
    fmt::format_to(std::back_inserter(lines), "{}\tREJECT listed as {}\n", key, field(entry.category));
  }
};

template <typename Writer>
std::unique_ptr<ExportWriter> make() {
  return std::make_unique<Writer>();
}

struct Format {
  std::string_view name;
  std::unique_ptr<ExportWriter> (*make)();
};
constexpr std::array<Format, 11> kFormats{{
    {"rpz", make<Rpz>},
    {"plain", make<Plain>},
    {"hosts", make<Hosts>},
    {"adblock", make<Adblock>},
    {"dnsmasq", [] { return std::unique_ptr<ExportWriter>(new Statement("address=/", "/0.0.0.0\n")); }},
    {"unbound",
     [] { return std::unique_ptr<ExportWriter>(new Statement("local-zone: \"", "\" always_nxdomain\n")); }},
    {"squid", make<Squid>},
    {"nftables", make<Nftables>},
    {"suricata", make<Suricata>},
    {"zeek", make<Zeek>},
    {"postfix", make<Postfix>},
}};

}  // namespace

std::unique_ptr<ExportWriter> make_export_writer(std::string_view format) {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& one) { return one.name == format; });
  return found == kFormats.end() ? nullptr : found->make();
}

std::vector<std::string_view> export_formats() {
  std::vector<std::string_view> names;
  for (const Format& format : kFormats) {
    names.push_back(format.name);
  }
  return names;
}

}  // namespace cenote
