// Reports a switch between light and dark, so that the server draws the charts in the new colours.
export default function ({ data, setTriggerValue }) {
  const app = document.querySelector(".stApp");
  let reported = data.drawn;
  app.dataset.charts = data.drawn;
  const report = () => {
    const scheme = getComputedStyle(app).colorScheme;
    // Menus and dialogs are drawn outside of the app's element.
    document.documentElement.style.colorScheme = scheme;
    if (scheme === reported) return;
    reported = scheme;
    setTriggerValue("switched", scheme);
  };
  const watcher = new MutationObserver(report);
  watcher.observe(app, { attributes: true, attributeFilter: ["class"] });
  report();
  return () => watcher.disconnect();
}
