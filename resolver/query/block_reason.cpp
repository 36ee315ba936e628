#include "resolver/query/block_reason.h"

#include <algorithm>

#include <fmt/format.h>

#include "resolver/base/text.h"
#include "resolver/events/event_json.h"

namespace cenote {
namespace {

constexpr size_t kMostForPeople = 120;

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 6068 section 2; empty when there is no address.
std::string mail_uri(std::string_view mail) {
  constexpr std::string_view kPlain = "-._~@+!$*'";
  if (mail.empty()) {
    return {};
  }
  std::string uri = "mailto:";
  for (const char c : mail) {
    if (is_alphanumeric(c) || kPlain.find(c) != std::string_view::npos) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return uri;
}

// RFC 3966 section 5.1.4: a number that is good anywhere begins with "+"; others mean nothing to a program.
std::string phone_uri(std::string_view phone) {
  constexpr std::string_view kSeparators = " -.()/";
  std::string digits;
  for (const char c : phone) {
    if ((c >= '0' && c <= '9') || (c == '+' && digits.empty())) {
      digits += c;
    } else if (kSeparators.find(c) == std::string_view::npos) {
      return {};
    }
  }
  return digits.starts_with('+') && digits.size() > 1 ? "tel:" + digits : std::string();
}

std::string contact_member(const PolicySettings& settings) {
  std::string list;
  for (const std::string& uri : {mail_uri(settings.contact_mail), phone_uri(settings.contact_phone)}) {
    if (!uri.empty()) {
      list += list.empty() ? "" : ",";
      append_json_string(list, uri);
    }
  }
  return list.empty() ? list : "\"c\":[" + list + "],";
}

std::string organisation_member(std::string_view organisation) {
  std::string member;
  if (!organisation.empty()) {
    member = ",\"o\":";
    append_json_string(member, organisation);
  }
  return member;
}

// The sub-error codes of the draft's section on their registry.
char suberror_of(std::string_view category) noexcept {
  return category == "malware" || category == "c2" ? '1'
         : category == "phishing"                  ? '2'
         : category == "spam"                      ? '3'
         : category == "spyware"                   ? '4'
                                                   : '6';  // the DNS operator's policy
}

// A category is a word, unless somebody's own client of the API thought otherwise.
std::string_view in_json(std::string_view category) noexcept {
  const bool is_word = std::all_of(category.begin(), category.end(),
                                   [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
  return is_word ? category : "name";
}

// A text in a buffer of fixed size, cut between characters.
class Line {
 public:
  Line(BlockReason::Buffer& buffer, size_t room) noexcept
      : buffer_(buffer), room_(std::min(room, buffer.size())) {}
  Line& add(std::string_view text) noexcept {
    const std::string_view taken = first_bytes(text, room_ - size_);
    std::copy(taken.begin(), taken.end(), buffer_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += taken.size();
    is_whole_ = is_whole_ && taken.size() == text.size();
    return *this;
  }
  [[nodiscard]] std::string_view text() const noexcept { return {buffer_.data(), size_}; }
  [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

 private:
  BlockReason::Buffer& buffer_;
  size_t room_;
  size_t size_ = 0;
  bool is_whole_ = true;
};

}  // namespace

BlockReason::BlockReason(const PolicySettings& settings, std::string_view contact)
    : contact_(contact.empty() ? std::string() : ", " + std::string(contact)),
      contacts_(contact_member(settings)),
      organisation_(organisation_member(settings.organisation)) {}

// "c2 blocked, incident 7K4QW-9XM2D, csirt@example.com"
std::string_view BlockReason::for_people(Buffer& buffer, size_t room, const Verdict& verdict,
                                         IncidentId incident) const noexcept {
  const auto id = incident.to_text();
  Line line(buffer, std::min(room, kMostForPeople));
  // The contact may be in any script (RFC 8914 section 2: UTF-8).
  return line.add(verdict.category.view()).add(" blocked, incident ").add(id.view()).add(contact_).text();
}

// {"c":["mailto:csirt@example.com"],"s":1,"j":"c2 blocked, incident 7K4QW-9XM2D","o":"Example","l":"en"}
std::string_view BlockReason::for_programs(Buffer& buffer, size_t room, const Verdict& verdict,
                                           IncidentId incident) const noexcept {
  const auto id = incident.to_text();
  const char suberror = suberror_of(verdict.category.view());
  const auto begin = [&](Line& line) { line.add("{").add(contacts_).add("\"s\":").add({&suberror, 1}); };
  Line full(buffer, room);
  begin(full);
  full.add(",\"j\":\"")
      .add(in_json(verdict.category.view()))
      .add(" blocked, incident ")
      .add(id.view())
      .add("\"");
  full.add(organisation_).add(",\"l\":\"en\"}");
  if (full.is_whole()) {
    return full.text();
  }
  Line brief(buffer, room);
  begin(brief);
  brief.add("}");
  return brief.is_whole() ? brief.text() : std::string_view();
}

}  // namespace cenote
