// Build options as a job's params and back; what is wrong in them is named.
#include <QTest>

#include "data/dataset_build.h"

using namespace retort;

class TestBuildOptions : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void thereAndBack() {
    data::BuildOptions o;
    o.name = "desk", o.filter = "env = \"prod\"", o.use = "prompts", o.teacher = "m", o.golden = "/g.jsonl", o.keptGolden = false, o.references = "/r.jsonl", o.split = "60/20/20", o.group = "team", o.seed = 7, o.system = "none";
    const auto back = data::buildOptionsFromJson(data::toJson(o), "spec.json");
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QVERIFY(data::toJson(*back) == data::toJson(o));
    QVERIFY(back->store.empty());   // where to read is the caller's, never the job's
  }
  void mistakesAreNamed() {
    const auto why = [](Json json) {
      const auto read = data::buildOptionsFromJson(json, "spec.json: params");
      return read.ok() ? std::string() : read.error().text();
    };
    QVERIFY(why(Json::object()).find("name") != std::string::npos);
    QVERIFY(why({{"name", ""}}).find("name") != std::string::npos);
    QVERIFY(why({{"name", "d"}, {"spilt", "80/10/10"}}).find("spilt") != std::string::npos);
    QVERIFY(why({{"name", "d"}, {"use", "answers"}}).find("responses or prompts") != std::string::npos);
    QVERIFY(!why({{"name", "d"}, {"split", "80"}}).empty());
    QCOMPARE(why({{"name", "d"}}), std::string());
  }
};

QTEST_APPLESS_MAIN(TestBuildOptions)
#include "tst_build_options.moc"
