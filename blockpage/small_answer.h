// What a blocked host answers to everything that is not a person's page view: JSON for scripts, a tiny
// picture for pictures, an empty body of a fitting type for the rest. Always 403.
#pragma once

#include "blockpage/incident.h"
#include "blockpage/settings.h"
#include "blockpage/wanted.h"

namespace cenote {

// REQUIRES: wanted is not kPage.
HttpResponse small_answer(Wanted wanted, const Incident& incident, const BlockpageSettings& settings);

}  // namespace cenote
