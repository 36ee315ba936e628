// What the block page's tests start from: a stop as policy would report it, and settings of an organisation.
#pragma once

#include <string>

#include "blockpage/incident.h"
#include "blockpage/settings.h"

namespace cenote {

inline BlockpageSettings page_settings() {
  BlockpageSettings settings;
  settings.organisation = "Example K.K.";
  settings.contact_mail = "csirt@example.co.jp";
  settings.contact_phone = "+81-3-0000-0000";
  settings.contact_hours = "Mon-Fri 9:00-18:00";
  return settings;
}

inline Incident page_incident(std::string_view host = "c2.example", std::string_view category = "c2") {
  Incident incident;
  incident.id = *IncidentId::from_text("7K4QW-9XM2D");
  parse_wall_time("2026-11-22T10:15:30Z", incident.time);
  incident.client = *IpAddress::from_text("192.0.2.7");
  incident.host = *Name::from_text(host);
  incident.verdict.action = Action::kSinkhole;
  incident.verdict.match = MatchKind::kQuestion;
  incident.verdict.scope = Scope::kSuffix;
  incident.verdict.depth = 2;
  incident.verdict.generation = 7;
  incident.verdict.matched = incident.host;
  incident.verdict.feed = std::string_view("c2-intel");
  incident.verdict.category = category;
  incident.verdict.threat = std::string_view("Example C2 family");
  incident.verdict.reference = std::string_view("https://intel.example/1");
  return incident;
}

}  // namespace cenote
