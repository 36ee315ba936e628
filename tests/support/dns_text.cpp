#include "tests/support/dns_text.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "resolver/dns/ldns_headers.h"
#include "resolver/dns/name.h"

namespace cenote::test {
namespace {

void append(Wire& out, const void* bytes, size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  out.insert(out.end(), from, from + size);
}
void u16(Wire& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

Wire record_wire(const std::string& text) {
  ldns_rr* rr = nullptr;
  if (ldns_rr_new_frm_str(&rr, text.c_str(), 0, nullptr, nullptr) != LDNS_STATUS_OK) {
    throw std::invalid_argument("not a record: " + text);
  }
  uint8_t* bytes = nullptr;
  size_t size = 0;
  ldns_rr2wire(&bytes, rr, LDNS_SECTION_ANSWER, &size);
  Wire wire(bytes, bytes + size);
  std::free(bytes);
  ldns_rr_free(rr);
  return wire;
}

// ldns separates by tabs and ends with a newline.
std::string record_text(const ldns_rr* rr) {
  const std::unique_ptr<char, decltype(&std::free)> text(ldns_rr2str(rr), &std::free);
  std::string line = text.get();
  std::replace(line.begin(), line.end(), '\t', ' ');
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) {
    line.pop_back();
  }
  return line;
}

std::vector<std::string> texts(const ldns_rr_list* list) {
  std::vector<std::string> all;
  for (size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    all.push_back(record_text(ldns_rr_list_rr(list, i)));
  }
  return all;
}

// The name as it stands in the question, with its letter case (Name lowers it).
std::string question_text(Bytes wire) {
  std::string text;
  size_t at = kHeaderBytes;
  while (at < wire.size() && wire[at] != 0) {
    const size_t length = wire[at++];
    text.append(reinterpret_cast<const char*>(wire.data() + at), std::min(length, wire.size() - at));
    text += '.';
    at += length;
  }
  return text.empty() ? "." : text.substr(0, text.size() - 1);
}

void read_ede(const ldns_pkt* packet, Message& out) {
  ldns_rdf* data = ldns_pkt_edns_data(packet);
  if (data == nullptr) {
    return;
  }
  ByteReader reader(Bytes(ldns_rdf_data(data), ldns_rdf_size(data)));
  while (reader.remaining() >= 4) {
    const uint16_t code = reader.u16();
    const Bytes value = reader.bytes(reader.u16());
    if (code == 15 && value.size() >= 2) {
      out.ede = static_cast<uint16_t>((value[0] << 8) | value[1]);
      out.ede_text = std::string(as_text(value.subspan(2)));
    }
  }
}

}  // namespace

Wire query(std::string_view name, uint16_t type, const QueryOptions& options) {
  Wire out;
  u16(out, options.id);
  u16(out, (options.recursion_desired ? flag::kRd : 0U) | (options.checking_disabled ? flag::kCd : 0U));
  u16(out, 1);
  u16(out, 0);
  u16(out, 0);
  u16(out, options.edns ? 1 : 0);
  while (!name.empty() && name != ".") {
    const std::string_view label = name.substr(0, name.find('.'));
    out.push_back(static_cast<uint8_t>(label.size()));
    append(out, label.data(), label.size());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.push_back(0);
  u16(out, type);
  u16(out, options.klass);
  if (options.edns) {
    out.push_back(0);
    u16(out, rrtype::kOpt);
    u16(out, options.udp_size);
    out.push_back(0);
    out.push_back(options.edns_version);
    u16(out, options.dnssec_ok ? 0x8000 : 0);
    u16(out, 0);
  }
  return out;
}

Reply::Reply(Bytes query) {
  ByteReader reader(query);
  id_ = reader.u16();
  flags_ = static_cast<uint16_t>((reader.u16() & (flag::kRd | flag::kCd)) | flag::kQr | flag::kRa);
  reader.skip(8);
  Name name;
  Name::read(reader, name);
  reader.skip(4);
  question_.assign(query.begin() + kHeaderBytes, query.begin() + static_cast<ptrdiff_t>(reader.offset()));
}

Reply& Reply::rcode(Rcode code) {
  flags_ = static_cast<uint16_t>((flags_ & ~flag::kRcode) | static_cast<uint16_t>(code));
  return *this;
}
Reply& Reply::truncated() {
  flags_ |= flag::kTc;
  return *this;
}
Reply& Reply::authenticated() {
  flags_ |= flag::kAd;
  return *this;
}
Reply& Reply::id(uint16_t id) {
  id_ = id;
  return *this;
}

Reply& Reply::answer(const std::string& record) {
  const Wire wire = record_wire(record);
  append(sections_[0], wire.data(), wire.size());
  ++counts_[0];
  return *this;
}
Reply& Reply::authority(const std::string& record) {
  const Wire wire = record_wire(record);
  append(sections_[1], wire.data(), wire.size());
  ++counts_[1];
  return *this;
}
Reply& Reply::additional(const std::string& record) {
  const Wire wire = record_wire(record);
  append(sections_[2], wire.data(), wire.size());
  ++counts_[2];
  return *this;
}

Reply& Reply::extended_error(uint16_t code, std::string_view text) {
  Wire opt{0};
  u16(opt, rrtype::kOpt);
  u16(opt, 1232);
  u16(opt, 0);
  u16(opt, 0);
  u16(opt, static_cast<unsigned>(6 + text.size()));
  u16(opt, 15);
  u16(opt, static_cast<unsigned>(2 + text.size()));
  u16(opt, code);
  append(opt, text.data(), text.size());
  error_ = opt;
  return *this;
}

Wire Reply::wire() const {
  Wire out;
  u16(out, id_);
  u16(out, flags_);
  u16(out, 1);
  u16(out, counts_[0]);
  u16(out, counts_[1]);
  u16(out, counts_[2] + (error_ ? 1U : 0U));
  append(out, question_.data(), question_.size());
  for (const Wire& section : sections_) {
    append(out, section.data(), section.size());
  }
  if (error_) {
    append(out, error_->data(), error_->size());
  }
  return out;
}

Message read(Bytes wire) {
  Message out;
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, wire.data(), wire.size()) != LDNS_STATUS_OK) {
    return out;
  }
  out.ok = true;
  out.id = ldns_pkt_id(packet);
  out.rcode = static_cast<uint8_t>(ldns_pkt_get_rcode(packet));
  out.qr = ldns_pkt_qr(packet) != 0;
  out.aa = ldns_pkt_aa(packet) != 0;
  out.tc = ldns_pkt_tc(packet) != 0;
  out.rd = ldns_pkt_rd(packet) != 0;
  out.ra = ldns_pkt_ra(packet) != 0;
  out.ad = ldns_pkt_ad(packet) != 0;
  out.cd = ldns_pkt_cd(packet) != 0;
  if (ldns_rr_list_rr_count(ldns_pkt_question(packet)) == 1) {
    out.question_type =
        static_cast<uint16_t>(ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_question(packet), 0)));
    out.question_name = question_text(wire);
  }
  out.answers = texts(ldns_pkt_answer(packet));
  out.authorities = texts(ldns_pkt_authority(packet));
  out.has_edns = ldns_pkt_edns(packet) != 0;
  out.dnssec_ok = ldns_pkt_edns_do(packet) != 0;
  out.udp_size = ldns_pkt_edns_udp_size(packet);
  out.extended_rcode = ldns_pkt_edns_extended_rcode(packet);
  read_ede(packet, out);
  ldns_pkt_free(packet);
  return out;
}

}  // namespace cenote::test
