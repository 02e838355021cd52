"""Picture files in and out: one file format or one idea a module.

`picture` says what a picture is, `values` how stored numbers become [0, 1] and back, `png`,
`tiff` and `pillow_files` know the formats, `ifd` and `exif` the tags, `transparency` the colour
under alpha, `objects` arrays, tensors and PIL images. Use them through
`undrift.restoration.images`.
"""
