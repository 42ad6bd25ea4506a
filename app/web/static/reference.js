// Renders the description of all calls. The renderer is a script of this server; it reads nothing from another one.
const options = {
  hideDownloadButtons: true,
  nativeScrollbars: true,
  jsonSamplesExpandLevel: 4,
  schemasExpansionLevel: 1,
  sortRequiredPropsFirst: true,
};

window.Redoc.init("/openapi.json", options, document.getElementById("reference"));
