// The first page of all: the sample project, a folder, or one used before.
#pragma once
#include <QWidget>

namespace retort::ui {

class Banner;

class StartPage : public QWidget {
  Q_OBJECT
 public:
  explicit StartPage(const QStringList& recent, QWidget* parent = nullptr);
  [[nodiscard]] Banner* banner() const { return m_banner; }

 Q_SIGNALS:
  void sampleWanted();
  void distilWanted();                    ///< the assistant, in a new project
  void folderWanted();                    ///< asks the window for its folder dialog
  void projectWanted(const QString& path);

 private:
  Banner* m_banner;
};

}  // namespace retort::ui
