#include "ioc/recognise.h"

#include <string>

#include <catch2/catch.hpp>

namespace cenote::recognise_test {

TEST_CASE("Each format is known by its own marks") {
  struct Row {
    std::string_view format;
    std::string_view head;
  };
  for (const Row& row : {
           Row{"plain", "# comment\nevil.example\nbad.example\n"},
           Row{"plain", ""},
           Row{"plain", "evil.example\n8.8.4.4\nhttp://bad.example/x\n"},
           Row{"wildcard", "*.evil.example\n*.bad.example\n"},
           Row{"hosts", "127.0.0.1 localhost\n0.0.0.0 evil.example # why\n"},
           Row{"adblock", "[Adblock Plus 2.0]\n! Title: x\n||evil.example^\n"},
           Row{"adblock", "||evil.example^\n||bad.example^$third-party\nexample.com##.ad\n"},
           Row{"dnsmasq", "# x\naddress=/evil.example/0.0.0.0\n"},
           Row{"unbound", "server:\nlocal-zone: \"evil.example\" always_nxdomain\n"},
           Row{"bind", "zone \"evil.example\" { type master; file \"null\"; };\n"},
           Row{"rpz", "$TTL 60\n@ IN SOA a. b. 1 2 3 4 5\n NS localhost.\nevil.example CNAME .\n"},
           Row{"rpz", "evil.example CNAME .\n*.evil.example CNAME .\n"},
           Row{"csv", "Domain,Malware,Date\nevil.example,x,2026-01-01\n"},
           Row{"csv", "# id,dateadded,url\n\"1\",\"2026-01-01 00:00:00\",\"http://evil.example/x\"\n"},
           Row{"url", "http://evil.example/a\nhttps://bad.example/b\n"},
           Row{"ip", "# c2\n8.8.4.4\n2606:4700::1111\n8.8.4.0/24\n"},
           Row{"defanged", "hxxp://evil[.]example/x\nbad[.]example\n"},
           Row{"defanged",
               "Report of the week\n\nThe C2 server was at evil[.]example on Monday.\nIt is gone now.\n"},
           Row{"maltrail",
               "# Copyright (c) 2014-2026 Maltrail developers (x)\n# Reference: "
               "https://a.example/\nevil.example\n"},
           Row{"dnscrypt", "=evil.example\nbad.example\n"},
           Row{"stix", "{\"type\": \"bundle\", \"id\": \"bundle--1\", \"objects\": []}"},
           Row{"stix", "{\"more\": false, \"objects\": []}"},
           Row{"misp", "{\"Event\": {\"info\": \"x\", \"Attribute\": []}}"},
           Row{"json", "{\"deny\": [\"evil.example\"], \"allow\": []}"},
           Row{"json", "[\n \"evil.example\"\n]"},
           Row{"yaml", "- name: X\n  websites:\n  - evil.example\n"},
       }) {
    CAPTURE(row.head);
    CHECK(recognise_format(row.head) == row.format);
  }
}

TEST_CASE("A cut last line does not change what a feed is") {
  std::string head;
  while (head.size() < kRecogniseBytes) {
    head += "8.8.4.4\n";
  }
  head.resize(kRecogniseBytes);
  CHECK(recognise_format(head + "evil") == "ip");
}

}  // namespace cenote::recognise_test
